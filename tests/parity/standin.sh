#!/bin/sh
# Scratch against pretrained without ImageNet: trains on one half of CIFAR-10's files, makes the
# result look like torchvision's file, and starts from it on the other half.
#   tests/parity/standin.sh CIFAR-10-BATCHES-BIN DIRECTORY [IMAGES-A-FILE [EPOCHS]]
# Wants Python with torch, torchvision and safetensors ($PYTHON) and the program ($VGGLUA).
set -e
bin=$1 dir=$2 images=${3:-2000} epochs=${4:-3}
vgglua=${VGGLUA:-build/vgglua} python=${PYTHON:-python3}
here=$(dirname "$0")
flags="--partial-data --head small --batch-size 64 --lr 3e-4 --runs-dir $dir/runs"

# The first and the last records (3,073 bytes each) of every file, which share no image.
for half in first last; do
  cut=head
  [ $half = first ] || cut=tail
  mkdir -p "$dir/$half/cifar-10-batches-bin"
  for file in data_batch_1 data_batch_2 data_batch_3 data_batch_4 data_batch_5 test_batch; do
    $cut -c $((images * 3073)) "$bin/$file.bin" > "$dir/$half/cifar-10-batches-bin/$file.bin"
  done
done

$vgglua experiments/finetune.lua $flags --data-root "$dir/first" --max-epochs $((epochs + 1)) \
  --run-name source
$python "$here/make_standin.py" "$dir/runs/source/best.safetensors" "$dir/standin.pth"
$vgglua experiments/finetune.lua $flags --data-root "$dir/last" --max-epochs "$epochs" \
  --run-name scratch
$vgglua experiments/finetune.lua $flags --data-root "$dir/last" --max-epochs "$epochs" \
  --run-name pretrained --weights "$dir/standin.pth"
$vgglua compare "$dir/runs/scratch" "$dir/runs/pretrained"
