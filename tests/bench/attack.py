#!/usr/bin/env python3
"""Times an iteration of the targeted attack (forward, gradient of the input, Adam, clamp) on VGG-16-BN for a
batch of 50 (5 images x 10 targets): vgglua in f32 and, where the CPU has it, bf16-mixed against PyTorch eager, NCHW
and channels_last, f32 and bf16 autocast, and against the loop that takes one image at a time, in turn in one run.

usage: tests/bench/attack.sh [--rows 50] [--steps 3] [--threads 2] [--rounds 7]

Every program is a child that does a few iterations a request, so that all of them see the same noise;
medians and ratios are printed as a table. Weights are random: the time does not depend on them. PyTorch's
parameters want no gradient, as in ours; "as written" is the loop of the assignment instead: one image, a model
as it comes from load_from_checkpoint, whose parameters collect gradients that nobody uses.
"""
import argparse, json, os, statistics, subprocess, sys, time

from step import has_bf16

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def peak_mb(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


class Child:
    def __init__(self, name, command, env, rows):
        self.name, self.rows, self.ms = name, rows, []
        self.p = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env, cwd=ROOT)
        assert self.p.stdout.readline().strip() == "ready", f"{name} did not start"

    def ask(self, keep=True):
        self.p.stdin.write("go\n")
        self.p.stdin.flush()
        ms = json.loads(self.p.stdout.readline())["ms"]
        if keep:
            self.ms.append(ms)

    def stop(self):
        self.peak = peak_mb(self.p.pid)
        self.p.stdin.close()
        self.p.wait()


def torch_child(args):
    import torch
    import torchvision
    from torch import nn

    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    body = torchvision.models.vgg16_bn()
    net = nn.Sequential(body.features, nn.Flatten(), nn.Linear(512, 4096), nn.ReLU(), nn.Linear(4096, 4096),
                        nn.ReLU(), nn.Linear(4096, 10)).eval().requires_grad_(args.child == "written")
    layout = torch.channels_last if args.child.startswith("channels_last") else torch.contiguous_format
    half = args.child.endswith("bf16")
    net = net.to(memory_format=layout)
    mean = torch.tensor((0.4914, 0.4822, 0.4465))[:, None, None]
    std = torch.tensor((0.2470, 0.2435, 0.2616))[:, None, None]
    rows = 1 if args.child in ("single", "written") else args.rows
    images, target = torch.rand(rows, 3, 32, 32), torch.arange(rows) % 10
    print("ready", flush=True)
    for _ in sys.stdin:
        v = images.clone(memory_format=layout).requires_grad_(True)
        adam = torch.optim.Adam([v], lr=1e-3)
        begin = 0.0
        for k in range(args.steps + 1):
            if k == 1:
                begin = time.perf_counter()
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                logits = net((v - mean) / std)
            logits = logits.float()
            p = logits.detach().softmax(1).gather(1, target[:, None])
            if (p > 2).all():
                break
            adam.zero_grad(set_to_none=True)
            nn.functional.cross_entropy(logits, target, reduction="sum").backward()
            adam.step()
            with torch.no_grad():
                v.clamp_(0, 1)
        print(json.dumps({"ms": 1e3 * (time.perf_counter() - begin) / args.steps}), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=50)
    parser.add_argument("--steps", type=int, default=3, help="iterations timed a request")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--vgglua", default=os.path.join(ROOT, "build", "vgglua"))
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        torch_child(args)
        return
    env = dict(os.environ, OMP_NUM_THREADS=str(args.threads), VGG_THREADS=str(args.threads))
    me = [sys.executable, os.path.abspath(__file__)] + sys.argv[1:]
    mine = [args.vgglua, "tests/bench/attack.lua", str(args.rows), str(args.steps)]
    ours = [Child("vgglua f32", mine + ["f32"], env, args.rows)]
    if has_bf16(args, env):
        ours.append(Child("vgglua bf16-mixed", mine + ["bf16"], env, args.rows))
    children = ours + [
        Child("PyTorch, NCHW", me + ["--child", "nchw"], env, args.rows),
        Child("PyTorch, channels_last", me + ["--child", "channels_last"], env, args.rows),
        Child("PyTorch, channels_last, bf16", me + ["--child", "channels_last+bf16"], env, args.rows),
        Child("PyTorch, one image", me + ["--child", "single"], env, 1),
        Child("PyTorch, as written", me + ["--child", "written"], env, 1),
    ]
    for i in range(args.rounds + 1):
        for child in children:
            child.ask(keep=i > 0)
    for child in children:
        child.stop()
    print(f"\n{args.rounds} rounds of {args.steps} iterations, {args.threads} threads, {args.rows} rows, medians")
    heads = "".join(f"{'x ' + o.name[7:]:>14}" for o in ours)
    print(f"{'program':30}{'ms/iteration':>14}{'min ms':>10}{'all rows, ms':>14}{heads}{'peak MB':>10}")
    for child in children:
        ms = statistics.median(child.ms)
        child.whole = ms * args.rows / child.rows
        ratios = "".join(f"{child.whole / statistics.median(o.ms):14.2f}" for o in ours)
        print(f"{child.name:30}{ms:14.0f}{min(child.ms):10.0f}{child.whole:14.0f}{ratios}{child.peak:10.0f}")


if __name__ == "__main__":
    main()
