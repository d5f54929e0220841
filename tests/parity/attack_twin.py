"""The other side of attack_twin.lua: the same weights in torchvision's network, the same attack, and
how far the two agree.

    vgglua tests/parity/attack_twin.lua --ckpt-path runs/x --data-root data --out twin.safetensors
    python tests/parity/attack_twin.py twin.safetensors
"""

import json
import os
import sys
import time

import torch
import torchvision
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from attack_loops import adam_attack  # noqa: E402

MEAN = torch.tensor((0.4914, 0.4822, 0.4465))[:, None, None]
STD = torch.tensor((0.2470, 0.2435, 0.2616))[:, None, None]


def network(path):
    net = torchvision.models.vgg16_bn()
    net.avgpool = nn.Identity()
    net.classifier = nn.Sequential(nn.Linear(512, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(),
                                   nn.Linear(4096, 10))
    state = {k: v for k, v in load_file(path).items() if not k.startswith("optimizer.")}
    net.load_state_dict(state, strict=True)
    return net.eval().requires_grad_(False)


def attack(net, x, target, meta):
    options = {"lr": meta["lr"], "max_iter": meta["max_iter"], "threshold": meta["prob_threshold"],
               "objective": meta["objective"], "clamp": meta["clamp"]}
    if meta["space"] == "norm":
        low, high = (0 - MEAN) / STD, (1 - MEAN) / STD
        v, steps, p = adam_attack(net, (x - MEAN) / STD, target, bounds=(low, high), **options)
        return v * STD + MEAN, steps, p
    return adam_attack(lambda v: net((v - MEAN) / STD), x, target, **options)


def main():
    torch.set_num_threads(int(os.environ.get("VGG_THREADS", "2")))
    ours = load_file(sys.argv[1])
    with safe_open(sys.argv[1], "pt") as f:
        meta = json.loads(f.metadata()["vgg.meta"])
    net = network(meta["checkpoint"])
    x, target = ours["images"], ours["targets"]
    started, parts = time.time(), []
    for first in range(0, len(x), 50):
        rows = slice(first, first + 50)
        parts.append(attack(net, x[rows], target[rows], meta))
    seconds = time.time() - started
    adversary, steps, p = (torch.cat(t) for t in zip(*parts))
    with torch.no_grad():
        predicted = torch.cat([net((a - MEAN) / STD).argmax(1) for a in adversary.split(50)])
    l2 = (adversary - x).flatten(1).norm(dim=1)
    print(meta)
    print(f"PyTorch: {len(x)} pairs in {seconds:.1f} s")
    rates = [(q == target).double().mean().item() * 100 for q in (ours["predicted"], predicted)]
    medians = [t.median().item() for t in (ours["l2"], l2)]
    print(f"success  vgglua {rates[0]:.2f} %  PyTorch {rates[1]:.2f} %  {rates[0] - rates[1]:+.2f}")
    print(f"median L2  vgglua {medians[0]:.5f}  PyTorch {medians[1]:.5f}  "
          f"{100 * (medians[0] / medians[1] - 1):+.3f} %")
    print(f"steps equal in {(steps == ours['steps']).sum().item()} of {len(x)}; p differs by at most "
          f"{(p - ours['prob']).abs().max().item():.2e}; range of ours {ours['adversary'].min():.4f} "
          f"to {ours['adversary'].max():.4f}, of PyTorch's {adversary.min():.4f} to "
          f"{adversary.max():.4f}")
    fits = abs(rates[0] - rates[1]) <= 1 and abs(medians[0] / medians[1] - 1) <= 0.05
    print("fits" if fits else "DIFFERS")
    sys.exit(0 if fits else 1)


if __name__ == "__main__":
    main()
