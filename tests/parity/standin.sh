#!/bin/sh
# Scratch against pretrained without ImageNet: trains on one part of CIFAR-10, makes the result look
# like torchvision's file, and starts from it on another part.
#   tests/parity/standin.sh CIFAR-10-BATCHES-BIN DIRECTORY [IMAGES-A-FILE [EPOCHS [FLAGS...]]]
# The program is $VGGLUA. With 2,000 images a file: about 10 + 10 + 10 minutes on two quiet cores.
set -e
bin=$1 dir=$2 images=${3:-2000} epochs=${4:-3}
if [ $# -gt 4 ]; then shift 4; else shift $#; fi
vgglua=${VGGLUA:-build/vgglua}
here=$(dirname "$0")

# The first and the last records (3,073 bytes each) of every file, which share no image.
for part in first last; do
  cut=head
  [ $part = first ] || cut=tail
  mkdir -p "$dir/$part/cifar-10-batches-bin"
  for file in data_batch_1 data_batch_2 data_batch_3 data_batch_4 data_batch_5 test_batch; do
    $cut -c $((images * 3073)) "$bin/$file.bin" > "$dir/$part/cifar-10-batches-bin/$file.bin"
  done
done

finetune() {
  name=$1 part=$2
  shift 2
  "$vgglua" experiments/finetune.lua --partial-data --data-root "$dir/$part" --head small \
    --batch-size 64 --lr 3e-4 --runs-dir "$dir/runs" --run-name "$name" --max-epochs "$epochs" "$@"
}

finetune source first "$@"
"$vgglua" "$here/standin.lua" "$dir/runs/source" "$dir/standin.pth"
finetune scratch last "$@"
finetune pretrained last --weights "$dir/standin.pth" "$@"
"$vgglua" compare "$dir/runs/scratch" "$dir/runs/pretrained"
