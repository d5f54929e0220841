#!/usr/bin/env python3
"""A small net of every leaf layer (strides, groups, no bias, two norms, pooling) in PyTorch: outputs in
training and evaluation, gradients, running statistics after two batches.

    python make_nn.py [directory]      (writes nn.json)
"""
import json
import sys
from pathlib import Path

import numpy as np
import torch
from step_common import set_weights, u, words


def flat(t):
    return [float(f"{v:.9g}") for v in t.detach().flatten().tolist()]


def main():
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False),
        torch.nn.BatchNorm2d(8),
        torch.nn.ReLU(),
        torch.nn.Conv2d(8, 12, (3, 1), padding=(1, 0), groups=4),
        torch.nn.BatchNorm2d(12, eps=1e-3, momentum=0.3),
        torch.nn.GELU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(12, 6, 3, dilation=2, padding=2),
        torch.nn.BatchNorm2d(6, affine=False),
        torch.nn.AdaptiveAvgPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(24, 5),
        torch.nn.LeakyReLU(0.2),
        torch.nn.Linear(5, 4, bias=False),
    )
    set_weights(net)
    x = [torch.from_numpy(1.7 * u(1000 + i, 4 * 3 * 16 * 16)).float().view(4, 3, 16, 16) for i in (0, 1)]
    y = torch.from_numpy((words(1100, 4) % np.uint32(4)).astype(np.int64))
    out = {"names": list(net.state_dict()), "train": [], "loss": []}
    for batch in x:
        logits = net(batch)
        loss = torch.nn.functional.cross_entropy(logits, y, label_smoothing=0.1)
        net.zero_grad()
        loss.backward()
        out["train"].append(flat(logits))
        out["loss"].append(loss.item())
    out["gradients"] = {n: flat(p.grad) for n, p in net.named_parameters()}
    out["buffers"] = {n: flat(b) for n, b in net.named_buffers()}
    net.eval()
    out["eval"] = flat(net(x[0]))
    where = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "nn")
    (where / "nn.json").write_text(json.dumps(out, indent=0) + "\n")


main()
