#!/bin/sh
# Loading a file of weights: vgglua, PyTorch (if PYTHON is set) and a plain read in turn, ROUNDS
# times; medians, and ratios to the plain read. Usage: tests/bench/load.sh FILE... ; the files hold
# torchvision's vgg16_bn. The page cache is warm.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
vgglua=${VGGLUA:-$root/build/vgglua}
rounds=${ROUNDS:-7}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

read_ms() {
  start=$(date +%s%N)
  cat "$1" >"$out/null" </dev/null
  end=$(date +%s%N)
  echo "$(((end - start) / 1000)) 0" | awk '{ printf "%.1f %d\n", $1 / 1000, $2 }'
}
ln -s /dev/null "$out/null"

median() { cut -d' ' -f"$2" "$1" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

for file in "$@"; do
  rm -f "$out"/*.txt
  cat "$file" >"$out/null"
  i=0
  while [ "$i" -lt "$rounds" ]; do
    read_ms "$file" >>"$out/read.txt"
    for mode in state mmap model; do
      (cd "$root" && "$vgglua" tests/bench/load.lua "$file" $mode) >>"$out/vgglua-$mode.txt"
      [ $mode != mmap ] || continue
      [ -z "${PYTHON:-}" ] || "$PYTHON" "$root/tests/bench/load.py" "$file" $mode >>"$out/torch-$mode.txt"
    done
    i=$((i + 1))
  done
  size=$(wc -c <"$file" | awk '{ printf "%.0f", $1 / 1e6 }')
  plain=$(median "$out/read.txt" 1)
  echo "$(basename "$file"), $size MB, medians of $rounds"
  for what in read vgglua-mmap vgglua-state torch-state vgglua-model torch-model; do
    [ -s "$out/$what.txt" ] || continue
    echo "$what $(median "$out/$what.txt" 1) $plain $(median "$out/$what.txt" 2) $size" |
      awk '{ printf "  %-14s %8.1f ms  %5.2f x read  peak %5d MB  %.2f x file\n", $1, $2, $2 / $3, $4, $4 / $5 }'
  done
done
