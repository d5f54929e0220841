#!/usr/bin/env python3
"""Times the training step of VGG-16-BN on one GPU (forward, backward, clip to norm 1, Adam; the batch is on the
GPU): vgglua's replayed step against PyTorch's modes, in turn in one run.

usage: tests/bench/gpu_step.py [--device cuda] [--batch 128] [--steps 200] [--rounds 7] [--json FILE]
                               [--only NAME,...] [--vgglua build/vgglua]

Every program is a child that does `steps` steps a request, so that all of them see the same machine. Printed are
the medians over the rounds and the ratios to vgglua's bf16-mixed step.
"""
import argparse, datetime, json, os, statistics, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TORCH = {
    "eager": "PyTorch f32 eager (TF32 convolutions)",
    "amp": "PyTorch bf16 AMP channels_last",
    "compile": "PyTorch bf16 AMP channels_last, compile max-autotune",
    "graph": "PyTorch bf16 AMP channels_last, CUDA graph",
}
OURS = {  # name -> title, precision, environment
    "bf16-mixed": ("vgglua bf16-mixed", "bf16-mixed", {}),
    "at-once": ("vgglua bf16-mixed, no late updates", "bf16-mixed", {"VGG_CUDA_LATE": "0"}),
    "launches": ("vgglua bf16-mixed, step by step", "bf16-mixed", {"VGG_REPLAY": "0"}),
    "tf32": ("vgglua tf32", "tf32", {}),
    "32": ("vgglua f32", "32", {}),
}


class Child:
    def __init__(self, name, title, command, env, patience):
        self.name, self.title, self.ms, self.loss, self.memory = name, title, [], None, None
        begin = time.time()
        self.p = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env, cwd=ROOT)
        self.alive = self.p.stdout.readline().strip() == "ready"
        self.start_seconds = time.time() - begin

    def run(self, steps, keep=True):
        if not self.alive:
            return
        try:
            self.p.stdin.write(f"{steps}\n")
            self.p.stdin.flush()
            row = json.loads(self.p.stdout.readline())
        except (BrokenPipeError, json.JSONDecodeError):
            self.alive = False
            return
        if keep:
            self.ms.append(row["ms"])
        self.loss, self.memory = row["loss"], row.get("memory_mb")

    def stop(self):
        self.p.stdin.close()
        self.p.wait()


def torch_child(args):
    import torch
    import torchvision
    from torch import nn

    mode = args.child
    torch.manual_seed(1)
    torch.backends.cudnn.benchmark = True
    device = torch.device(args.device)
    body = torchvision.models.vgg16_bn()
    model = nn.Sequential(body.features, nn.Flatten(), nn.Linear(512, 4096), nn.ReLU(), nn.Linear(4096, 4096),
                          nn.ReLU(), nn.Linear(4096, 10)).to(device).train()
    x = torch.randn(args.batch, 3, 32, 32, device=device)
    y = torch.arange(1, args.batch + 1, device=device) % 10
    if mode != "eager":
        model, x = model.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
    adam = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True, capturable=mode == "graph")
    loss_of = nn.CrossEntropyLoss()
    # max-autotune records graphs itself
    network = torch.compile(model, mode="max-autotune") if mode == "compile" else model

    def step():
        adam.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=mode != "eager"):
            loss = loss_of(network(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=True)
        adam.step()
        return loss

    for _ in range(5):
        loss = step()
    torch.cuda.synchronize()
    run = step
    if mode == "graph":
        side = torch.cuda.Stream()
        with torch.cuda.stream(side):
            for _ in range(3):
                step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        adam.zero_grad(set_to_none=True)
        with torch.cuda.graph(graph):
            static = step()

        def run():
            graph.replay()
            return static

    print("ready", flush=True)
    for line in sys.stdin:
        steps = int(line)
        torch.cuda.synchronize()
        begin = time.perf_counter()
        for _ in range(steps):
            loss = run()
        value = loss.item()
        torch.cuda.synchronize()
        print(json.dumps({"ms": 1e3 * (time.perf_counter() - begin) / steps, "loss": value,
                          "memory_mb": torch.cuda.max_memory_allocated() / 2**20}), flush=True)


def versions():
    try:
        import torch
        return {"torch": torch.__version__, "cudnn": torch.backends.cudnn.version(),
                "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None}
    except ImportError:
        return {"torch": None}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default=",".join(list(OURS) + list(TORCH)))
    parser.add_argument("--vgglua", default=os.path.join(ROOT, "build", "vgglua"))
    parser.add_argument("--json")
    parser.add_argument("--child")
    args = parser.parse_args()
    if args.child:
        return torch_child(args)
    wanted, children = args.only.split(","), []
    for name in wanted:
        if name in OURS:
            title, precision, env = OURS[name]
            command = [args.vgglua, "tests/bench/gpu_step.lua", args.device, str(args.batch), precision]
        else:
            command = [sys.executable, os.path.abspath(__file__), "--device", args.device, "--batch", str(args.batch),
                       "--child", name]
            title, env = TORCH[name], {}
        children.append(Child(name, title, command, {**os.environ, **env}, 600))
    for c in children:
        c.run(max(1, args.steps // 4), keep=False)
    for _ in range(args.rounds):
        for c in children:
            c.run(args.steps)
    for c in children:
        c.stop()
    ran = {c.name: c for c in children if c.alive and c.ms}
    median = {n: statistics.median(c.ms) for n, c in ran.items()}
    ours = median.get("bf16-mixed")
    print(f"batch {args.batch}, {args.rounds} interleaved rounds of {args.steps} steps")
    print(f"{'program':54} {'median ms':>10} {'min ms':>8} {'peak MB':>8} {'x vgglua':>9} {'loss':>8}")
    for c in children:
        if c.name not in ran:
            print(f"{c.title:54} did not run")
            continue
        ratio = f"{median[c.name] / ours:9.2f}" if ours else " " * 9
        print(f"{c.title:54} {median[c.name]:10.3f} {min(c.ms):8.3f} {c.memory or 0:8.0f} {ratio} {c.loss:8.4f}")
    theirs = {n: m for n, m in median.items() if n in TORCH}
    result = {"batch": args.batch, "steps": args.steps, "rounds": args.rounds, "versions": versions(),
              "date": datetime.date.today().isoformat(),
              "ms": median, "all_ms": {n: c.ms for n, c in ran.items()},
              "start_seconds": {c.name: round(c.start_seconds, 1) for c in children},
              "failed": [c.name for c in children if c.name not in ran]}
    if ours and theirs:
        result["best_torch"] = min(theirs, key=theirs.get)
        result["times_best_torch"] = min(theirs.values()) / ours
        result["times_eager"] = theirs["eager"] / ours if "eager" in theirs else None
        print(f"vgglua is {result['times_best_torch']:.2f}x PyTorch's best mode"
              + (f", {result['times_eager']:.2f}x eager" if result["times_eager"] else ""))
    if args.json:
        with open(args.json, "w") as f:
            json.dump(result, f, indent=1)
    return 0 if ran and not result["failed"] else 1


if __name__ == "__main__":
    sys.exit(main())
