#!/bin/sh
# Runs attack.py with PyTorch and torchvision in a virtual environment of its own
# (build/bench-venv; VGG_BENCH_PYTHON names another interpreter that has them).
set -eu
cd "$(dirname "$0")/../.."
python=${VGG_BENCH_PYTHON:-build/bench-venv/bin/python}
if [ ! -x "$python" ]; then
  python3 -m venv build/bench-venv
  build/bench-venv/bin/pip install --quiet torch torchvision
fi
exec "$python" tests/bench/attack.py "$@"
