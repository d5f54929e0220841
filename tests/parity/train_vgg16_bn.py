#!/usr/bin/env python3
"""The peer of `vgglua experiments/finetune.lua`: the same data, split, model, optimiser and schedule in PyTorch,
with albumentations' own random draws. Prints one JSON row an epoch, to be compared by eye or by script.

usage: train_vgg16_bn.py --data DIR [--epochs 3] [--seed 0] [--batch 128] [--lr 1e-3] [--threads 2]
                         [--head full|small] [--schedule constant|onecycle] [--bf16] [--split val|test]
"""
import argparse, json, os, time

import albumentations as A
import numpy as np
import torch
import torchvision
from torch import nn
from torch.utils.data import random_split

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


def read(folder, names):
    raw = np.concatenate([np.fromfile(os.path.join(folder, n), np.uint8).reshape(-1, 3073) for n in names])
    return np.ascontiguousarray(raw[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)), raw[:, 0].astype(np.int64)


def build(head):
    body = torchvision.models.vgg16_bn()  # conv: kaiming normal fan_out, as torchvision initialises
    if head == "small":
        return nn.Sequential(body.features, nn.Flatten(), nn.Linear(512, 10))
    head = nn.Sequential(nn.Linear(512, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 10))
    return nn.Sequential(body.features, nn.Flatten(), head)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--data", required=True)
    p.add_argument("--epochs", type=int, default=3)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--batch", type=int, default=128)
    p.add_argument("--lr", type=float, default=1e-3)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--head", choices=["full", "small"], default="full")
    p.add_argument("--schedule", choices=["constant", "onecycle"], default="constant")
    p.add_argument("--bf16", action="store_true", help="autocast to bfloat16")
    p.add_argument("--split", choices=["val", "test"], default="val", help="what is tested after each epoch")
    args = p.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    images, labels = read(args.data, [f"data_batch_{i}.bin" for i in range(1, 6)])
    n_val = len(images) // 10
    train, val = random_split(range(len(images)), [len(images) - n_val, n_val],
                              generator=torch.Generator().manual_seed(42))
    tail = [A.Normalize(MEAN, STD), A.ToTensorV2()]
    augment = A.Compose([
        A.PadIfNeeded(36, 36), A.RandomCrop(32, 32), A.HorizontalFlip(p=0.5),
        A.ColorJitter(0.2, 0.2, 0.2, 0.1, p=0.5),
        A.CoarseDropout(num_holes_range=(1, 1), hole_height_range=(4, 8), hole_width_range=(4, 8), p=0.3),
        *tail], seed=args.seed)
    plain = A.Compose(tail)
    model, loss_of = build(args.head).to(memory_format=torch.channels_last), nn.CrossEntropyLoss()
    adam = torch.optim.Adam(model.parameters(), lr=args.lr, fused=True)
    steps = args.epochs * -(-len(train) // args.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, args.lr, steps) if args.schedule == "onecycle" else None
    cast = torch.autocast("cpu", torch.bfloat16, enabled=args.bf16)

    def batch(index, f):
        x = torch.stack([f(image=images[i])["image"] for i in index])
        return x.contiguous(memory_format=torch.channels_last), torch.from_numpy(labels[index])

    train, val = np.array(list(train)), np.array(list(val))
    if args.split == "test":
        first = len(images)
        more, more_labels = read(args.data, ["test_batch.bin"])
        images, labels = np.concatenate([images, more]), np.concatenate([labels, more_labels])
        val = np.arange(first, len(images))
    for epoch in range(1, args.epochs + 1):
        begin, total, right = time.time(), 0.0, 0
        model.train()
        order = train[torch.randperm(len(train)).numpy()]
        for at in range(0, len(order), args.batch):
            x, y = batch(order[at:at + args.batch], augment)
            adam.zero_grad(set_to_none=True)
            with cast:
                out = model(x)
                loss = loss_of(out, y)
            loss.backward()
            adam.step()
            if schedule:
                schedule.step()
            total += loss.item() * len(y)
            right += (out.argmax(1) == y).sum().item()
        model.eval()
        val_total, val_right = 0.0, 0
        with torch.no_grad():
            for at in range(0, len(val), args.batch):
                x, y = batch(val[at:at + args.batch], plain)
                with cast:
                    out = model(x).float()
                val_total += loss_of(out, y).item() * len(y)
                val_right += (out.argmax(1) == y).sum().item()
        print(json.dumps({"seed": args.seed, "epoch": epoch, "train_loss": total / len(order),
                          "train_acc": right / len(order), "val_loss": val_total / len(val),
                          "val_acc": val_right / len(val), "seconds": round(time.time() - begin, 1)}), flush=True)


if __name__ == "__main__":
    main()
