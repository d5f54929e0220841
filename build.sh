#!/bin/sh
# Installs, builds, runs and tests vgglua on Debian 12. Usage: ./build.sh COMMAND
#   run [ARGS]  install + build + train VGG-16-BN on CIFAR-10 for about three minutes
#   test        install + build + every test
#   check       clang build, threads under TSan, and the whole suite under ASan and UBSan
#   check-cuda  the GPU plugin on an emulated GPU under ASan and UBSan (needs CUDA's and cuDNN's headers)
#   install     the Debian packages only (with sudo when not root)
#   build       the build only, into build/
set -eu
cd "$(dirname "$0")"

build_packages="gcc libc6-dev cmake ninja-build pkg-config libluajit-5.1-dev libdnnl-dev
  libcurl4-openssl-dev zlib1g-dev libpng-dev libedit-dev libjansson-dev libmd-dev
  lua-cjson ca-certificates"
test_packages="libzip-dev luajit lua-busted lua-check clang clang-format libomp-dev libclang-rt-14-dev"

install() {
  missing=""
  for p in "$@"; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
  done
  [ -n "$missing" ] || return 0
  as_root=""
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
      echo "build.sh: needs root or sudo to install:$missing" >&2
      exit 1
    }
    as_root=sudo
  fi
  echo "build.sh: installing$missing"
  $as_root apt-get update -qq
  # shellcheck disable=SC2086
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

# configure_and_build FOLDER [CMAKE OPTIONS]
configure_and_build() {
  folder=$1
  shift
  cmake -G Ninja -S . -B "$folder" "$@" >"$folder.log" 2>&1 || { cat "$folder.log"; exit 1; }
  rm -f "$folder.log"
  ninja -C "$folder"
}

build() { configure_and_build build "$@"; }

run() {
  # shellcheck disable=SC2086
  install $build_packages
  build -DVGGLUA_TESTS=OFF
  ./build/vgglua experiments/finetune.lua --run-name first --overwrite --max-epochs 3 \
    --limit-train-batches 45 --limit-val-batches 8 --limit-test-batches 8 "$@"
}

run_tests() {
  # shellcheck disable=SC2086
  install $build_packages $test_packages
  build -DVGGLUA_TESTS=ON -DVGGLUA_WERROR=ON
  ctest --test-dir build --output-on-failure
}

check() {
  # shellcheck disable=SC2086
  install $build_packages $test_packages
  CC=clang configure_and_build build-clang -DVGGLUA_WERROR=ON -DVGGLUA_CUDA=OFF
  ctest --test-dir build-clang --output-on-failure -R '^tsan\.'
  configure_and_build build-asan -DVGGLUA_SANITIZE=address -DVGGLUA_CUDA=OFF # see check-cuda
  ctest --test-dir build-asan --output-on-failure
}

check_cuda() {
  # shellcheck disable=SC2086
  install $build_packages $test_packages
  configure_and_build build-asan-cuda -DVGGLUA_SANITIZE=address
  ctest --test-dir build-asan-cuda --output-on-failure -R cuda
}

command=${1:-help}
[ $# -eq 0 ] || shift
case $command in
  # shellcheck disable=SC2086
  install) install $build_packages $test_packages ;;
  build) build "$@" ;;
  run) run "$@" ;;
  test) run_tests ;;
  check) check ;;
  check-cuda) check_cuda ;;
  *) sed -n '2,8s/^# //p' "$0"; [ "$command" = help ] || exit 2 ;;
esac
