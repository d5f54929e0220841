#!/usr/bin/env python3
"""Times one whole training step of VGG-16-BN (augmentation, forward, backward, clip, Adam): vgglua in f32 and
bf16-mixed against PyTorch, f32 and bf16 autocast, NCHW and channels_last, eager and torch.compile, in turn in
one run.

usage: tests/bench/step.sh --data DIR [--batch 32,128,512] [--threads 2] [--rounds 7] [--modes f32,bf16,compile]
                           [--eval] [--emulate-bf16] [--json FILE]

Every program is a child that does one step a request, so that all of them see the same noise; medians and
ratios are printed as a table. --eval: a batch of validation instead, logits and loss without gradients. PyTorch
draws its augmentation with albumentations and uses its fused Adam. bf16-mixed of vgglua needs a CPU with bf16
instructions, or --emulate-bf16.
"""
import argparse, contextlib, json, os, statistics, subprocess, sys, time

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
    words = args.child.split("+")
    layout = torch.channels_last if "channels_last" in words else torch.contiguous_format
    model = model.to(memory_format=layout).train()
    adam = torch.optim.Adam(model.parameters(), lr=1e-4, fused=not args.foreach)
    loss_of = nn.CrossEntropyLoss()
    run = torch.compile(model) if "compile" in words else model
    half = "bf16" in words
    cast = (lambda: torch.autocast("cpu", torch.bfloat16)) if half else contextlib.nullcontext
    plain = A.Compose([A.Normalize((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)), A.ToTensorV2()])
    if args.eval:
        model.eval()
    position = 0
    print("ready", flush=True)
    for _ in sys.stdin:
        begin = time.perf_counter()
        at = [(position + i) % len(images) for i in range(args.batch)]
        position += args.batch
        draw = plain if args.eval else augment
        x = torch.stack([draw(image=images[i])["image"] for i in at]).contiguous(memory_format=layout)
        y = labels[at]
        if args.eval:
            with torch.no_grad(), cast():
                value = loss_of(run(x), y).item()
            print(json.dumps({"ms": 1e3 * (time.perf_counter() - begin), "loss": value}), flush=True)
            continue
        adam.zero_grad(set_to_none=True)
        with cast():
            loss = loss_of(run(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        value = loss.item()
        print(json.dumps({"ms": 1e3 * (time.perf_counter() - begin), "loss": value}), flush=True)


OURS = {"f32": "f32", "bf16": "bf16-mixed"}
THEIRS = [("f32", "f32 NCHW", "nchw"), ("f32", "f32 channels_last", "channels_last"),
          ("bf16", "bf16 channels_last", "bf16+channels_last"), ("compile", "f32 NCHW, compile", "nchw+compile"),
          ("compile", "f32 channels_last, compile", "channels_last+compile"),
          ("compile", "bf16 channels_last, compile", "bf16+channels_last+compile")]


def has_bf16(args, env):
    say = "print(require('vgg').core.device.bf16() and 1 or 0)"
    return subprocess.run([args.vgglua, "-e", say], env=env, cwd=ROOT, capture_output=True, text=True).stdout.strip() == "1"


def start(args, batch, env):
    modes = args.modes.split(",")
    me = [sys.executable, os.path.abspath(__file__), "--data", args.data, "--batch", str(batch),
          "--threads", str(args.threads)] + ["--" + word for word in ("foreach", "eval") if getattr(args, word)]
    ours, theirs = [], []
    for mode, name in OURS.items():
        if mode not in modes:
            continue
        if mode == "bf16" and not (args.emulate_bf16 or has_bf16(args, env)):
            print("vgglua bf16-mixed left out: no bf16 instructions here (--emulate-bf16 measures the emulation)")
            continue
        ours.append(Child(f"vgglua {name}", [args.vgglua, "tests/bench/step.lua", args.data, str(batch), mode,
                                              "eval" if args.eval else "train"], env))
    for mode, name, child in THEIRS:
        if mode in modes:
            theirs.append(Child(f"PyTorch {name}", me + ["--child", child], env))
    return ours, theirs


def measure(args, batch, env):
    ours, theirs = start(args, batch, env)
    children = ours + theirs
    for warm in range(3):
        for c in children:
            c.step(keep=False)
    for _ in range(args.rounds):
        for c in children:
            c.step()
    for c in children:
        c.stop()
        c.median = statistics.median(c.ms)
    print(f"batch {batch}, {args.threads} threads, {args.rounds} interleaved rounds; "
          + ("a batch of validation" if args.eval else "whole step with augmentation"))
    heads = "".join(f"{'x ' + o.name[7:]:>13}" for o in ours)
    print(f"{'program':36} {'median ms':>10} {'min ms':>10} {'peak MB':>9}{heads} {'last loss':>10}")
    for c in children:
        ratios = "".join(f"{c.median / o.median:13.2f}" for o in ours)
        print(f"{c.name:36} {c.median:10.1f} {min(c.ms):10.1f} {c.peak:9.0f}{ratios} {c.loss[-1]:10.4f}")
    for o in ours:
        for what, among in (("best f32 mode", [c for c in theirs if "f32" in c.name]), ("best mode", theirs)):
            if among:
                best = min(among, key=lambda c: c.median)
                print(f"{o.name} is {best.median / o.median:.2f}x PyTorch's {what} ({best.name[8:]}), with "
                      f"{100 * o.peak / best.peak:.0f} % of its memory")
    return {"batch": batch, "threads": args.threads,
            "programs": [{"name": c.name, "ms": c.ms, "median": c.median, "peak_mb": c.peak} for c in children]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True, help="folder with data_batch_1.bin")
    parser.add_argument("--batch", default="128", help="one size or several, with commas")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--modes", default="f32,bf16,compile", help="of f32, bf16, compile")
    parser.add_argument("--vgglua", default=os.path.join(ROOT, "build", "vgglua"))
    parser.add_argument("--eval", action="store_true", help="time validation, not training")
    parser.add_argument("--foreach", action="store_true", help="PyTorch's usual Adam, not the fused one")
    parser.add_argument("--emulate-bf16", action="store_true", help="measure bf16-mixed without its instructions, too")
    parser.add_argument("--json", help="a file for the numbers")
    parser.add_argument("--child")
    args = parser.parse_args()
    if args.child:
        args.batch = int(args.batch)
        return torch_child(args)
    env = dict(os.environ, OMP_NUM_THREADS=str(args.threads), VGG_THREADS=str(args.threads))
    results = [measure(args, int(batch), env) for batch in args.batch.split(",")]
    if args.json:
        with open(args.json, "w") as f:
            json.dump(results, f, indent=1)


if __name__ == "__main__":
    main()
