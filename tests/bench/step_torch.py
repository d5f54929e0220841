"""The steps of tests/bench/step.lua in PyTorch: eager float32, NCHW and channels_last.

    step_torch.py [batch [steps [threads]]]   BENCH_CPU_TIME=1: seconds computed, for one thread
"""
import os
import resource
import sys
import time

import torch
import torchvision
from torch import nn

batch = int(sys.argv[1]) if len(sys.argv) > 1 else 128
steps = int(sys.argv[2]) if len(sys.argv) > 2 else 5
torch.set_num_threads(int(sys.argv[3]) if len(sys.argv) > 3 else 2)
now = time.process_time if os.environ.get("BENCH_CPU_TIME") else time.perf_counter


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = torchvision.models.vgg16_bn(weights=None).features
        self.classifier = nn.Sequential(
            nn.Linear(512, 4096), nn.ReLU(True), nn.Dropout(), nn.Linear(4096, 4096),
            nn.ReLU(True), nn.Dropout(), nn.Linear(4096, 10))

    def forward(self, x):
        return self.classifier(torch.flatten(self.features(x), 1))


def measure(fmt):
    torch.manual_seed(1)
    model = Net().to(memory_format=fmt).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    x = torch.rand(batch, 3, 32, 32).to(memory_format=fmt)
    y = torch.arange(batch) % 10
    best = [1e9] * 4
    for _ in range(steps):
        t = [now()]
        loss = nn.functional.cross_entropy(model(x), y)
        t.append(now())
        loss.backward()
        t.append(now())
        optimizer.step()
        optimizer.zero_grad()
        t.append(now())
        for i in range(3):
            best[i] = min(best[i], t[i + 1] - t[i])
        best[3] = min(best[3], t[3] - t[0])
    return [1e3 * b for b in best]


for name, fmt in (("NCHW", torch.contiguous_format), ("channels_last", torch.channels_last)):
    f, b, u, total = measure(fmt)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"torch {torch.__version__} {name}, batch {batch}: {total:.1f} ms a step "
          f"(forward {f:.1f}, backward {b:.1f}, update {u:.1f}), peak RSS {peak:.0f} MB")
