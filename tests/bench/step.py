#!/usr/bin/env python3
"""Times one whole training step of VGG-16-BN (augmentation, forward, backward, clip, Adam): vgglua against
PyTorch eager, NCHW and channels_last, in turn in one run.

usage: tests/bench/step.sh [--data DIR] [--batch 128] [--threads 2] [--rounds 7]

Every program is a child that does one step a request, so that all of them see the same noise; medians and
ratios are printed as a table. PyTorch draws its augmentation with albumentations, as the seeds do.
"""
import argparse, json, os, statistics, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def peak_mb(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


class Child:
    def __init__(self, name, command, env):
        self.name, self.ms, self.loss = name, [], []
        self.p = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env, cwd=ROOT)
        assert self.p.stdout.readline().strip() == "ready", f"{name} did not start"

    def step(self, keep=True):
        self.p.stdin.write("step\n")
        self.p.stdin.flush()
        row = json.loads(self.p.stdout.readline())
        if keep:
            self.ms.append(row["ms"])
            self.loss.append(row["loss"])

    def stop(self):
        self.peak = peak_mb(self.p.pid)
        self.p.stdin.close()
        self.p.wait()


def torch_child(args):
    import albumentations as A
    import numpy as np
    import torch
    import torchvision
    from torch import nn

    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    raw = np.fromfile(os.path.join(args.data, "data_batch_1.bin"), np.uint8).reshape(-1, 3073)
    images = np.ascontiguousarray(raw[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    labels = torch.from_numpy(raw[:, 0].astype(np.int64))
    augment = A.Compose([
        A.PadIfNeeded(36, 36), A.RandomCrop(32, 32), A.HorizontalFlip(p=0.5),
        A.ColorJitter(0.2, 0.2, 0.2, 0.1, p=0.5),
        A.CoarseDropout(num_holes_range=(1, 1), hole_height_range=(4, 8), hole_width_range=(4, 8), p=0.3),
        A.Normalize((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)), A.ToTensorV2()], seed=1)
    body = torchvision.models.vgg16_bn()
    model = nn.Sequential(body.features, nn.Flatten(), nn.Linear(512, 4096), nn.ReLU(), nn.Linear(4096, 4096),
                          nn.ReLU(), nn.Linear(4096, 10))
    layout = torch.channels_last if args.child == "channels_last" else torch.contiguous_format
    model = model.to(memory_format=layout).train()
    adam = torch.optim.Adam(model.parameters(), lr=1e-4, fused=args.fused)
    loss_of = nn.CrossEntropyLoss()
    position = 0
    print("ready", flush=True)
    for _ in sys.stdin:
        begin = time.perf_counter()
        at = [(position + i) % len(images) for i in range(args.batch)]
        position += args.batch
        x = torch.stack([augment(image=images[i])["image"] for i in at]).contiguous(memory_format=layout)
        y = labels[at]
        adam.zero_grad(set_to_none=True)
        loss = loss_of(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        value = loss.item()
        print(json.dumps({"ms": 1e3 * (time.perf_counter() - begin), "loss": value}), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True, help="folder with data_batch_1.bin")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--vgglua", default=os.path.join(ROOT, "build", "vgglua"))
    parser.add_argument("--fused", action="store_true", help="PyTorch's fused Adam")
    parser.add_argument("--child")
    args = parser.parse_args()
    if args.child:
        return torch_child(args)
    env = dict(os.environ, OMP_NUM_THREADS=str(args.threads), VGG_THREADS=str(args.threads))
    me = [sys.executable, os.path.abspath(__file__), "--data", args.data, "--batch", str(args.batch),
          "--threads", str(args.threads)] + (["--fused"] if args.fused else [])
    children = [
        Child("vgglua f32", [args.vgglua, "tests/bench/step.lua", args.data, str(args.batch)], env),
        Child("PyTorch f32 NCHW", me + ["--child", "nchw"], env),
        Child("PyTorch f32 channels_last", me + ["--child", "channels_last"], env)]
    for warm in range(3):
        for c in children:
            c.step(keep=False)
    for _ in range(args.rounds):
        for c in children:
            c.step()
    for c in children:
        c.stop()
    ours = statistics.median(children[0].ms)
    print(f"batch {args.batch}, {args.threads} threads, {args.rounds} interleaved rounds; whole step with augmentation")
    print(f"{'program':28} {'median ms':>10} {'min ms':>10} {'peak MB':>9} {'x vgglua':>9} {'last loss':>10}")
    for c in children:
        m = statistics.median(c.ms)
        print(f"{c.name:28} {m:10.1f} {min(c.ms):10.1f} {c.peak:9.0f} {m / ours:9.2f} {c.loss[-1]:10.4f}")
    best = min(statistics.median(c.ms) for c in children[1:])
    print(f"vgglua is {best / ours:.2f}x PyTorch's best mode")


if __name__ == "__main__":
    main()
