#!/usr/bin/env python3
"""Names and shapes of the state dicts of VGG-16-BN (torchvision's features) and CIFAR10Net for every option,
parameter counts, multiply-accumulates counted by hooks, and the spread of PyTorch's initial weights.

    python make_models.py [directory]      (writes models.json)
"""
import json
import sys
from pathlib import Path

import torch
from step_common import CIFAR10Net, vgg16_bn


def macs(model):
    total = 0

    def hook(m, _, y):
        nonlocal total
        total += y.numel() // m.weight.shape[0] * m.weight.numel()

    for m in model.modules():
        if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear)):
            m.register_forward_hook(hook)
    with torch.no_grad():
        model.eval()(torch.zeros(1, 3, 32, 32))
    return total


def entry(model, options):
    return {
        "options": options,
        "parameters": sum(p.numel() for p in model.parameters()),
        "names": list(model.state_dict()),
        "shapes": ["x".join(map(str, t.shape)) or "scalar" for t in model.state_dict().values()],
        "macs": macs(model),
    }


def spread(model):
    return {
        n: [p.mean().item(), p.std().item(), p.abs().max().item()]
        for n, p in model.named_parameters()
    }


def main():
    torch.manual_seed(0)
    out = {"vgg16_bn": [], "cifar10net": []}
    for kind in ("full", "small"):
        for p in (0.0, 0.3):
            model = vgg16_bn(kind, p)
            out["vgg16_bn"].append(entry(model, {"head": kind, "dropout": p > 0}))
    for norm in (False, True):
        for p in (0.0, 0.3):
            model = CIFAR10Net(norm, p)
            out["cifar10net"].append(entry(model, {"batchnorm": norm, "dropout": p > 0}))
    out["spread"] = {"vgg16_bn": spread(vgg16_bn()), "cifar10net": spread(CIFAR10Net(True))}
    where = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "nn")
    (where / "models.json").write_text(json.dumps(out, indent=0) + "\n")
    for name in ("vgg16_bn", "cifar10net"):
        for e in out[name]:
            print(name, e["options"], e["parameters"], len(e["names"]), e["macs"])


main()
