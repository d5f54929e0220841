#!/usr/bin/env python3
"""Compares one training step of a whole model with PyTorch, element by element.

    vgglua tests/parity/dump_step.lua vgg16_bn step.safetensors 0 8
    python tests/parity/compare_step.py vgg16_bn step.safetensors 0 8

The error of a tensor is max|ours - theirs| / max|theirs|. A bias in front of a batch norm has a gradient
of zero; what both sides hold there is rounding, and it is measured against the layer's weight gradient.
PyTorch in float64 is printed beside it as the yardstick of both."""
import sys

import torch
from safetensors.torch import load_file
from step_common import MODELS, batch, set_weights


def reference(name, dtype, n, seed):
    model = MODELS[name]()
    set_weights(model)
    model = model.to(dtype)
    x, y = batch(n, seed)
    out = {}
    with torch.no_grad():
        out["logits"] = model.eval()(x.to(dtype))
    loss = torch.nn.functional.cross_entropy(model.train()(x.to(dtype)), y)
    loss.backward()
    out["loss"] = loss.detach()
    out.update({"gradient." + k: p.grad for k, p in model.named_parameters()})
    out.update({"buffer." + k: b for k, b in model.named_buffers()})
    return {k: v.double() for k, v in out.items()}


def error(a, b, size):
    return (a.double() - b).abs().max().item() / size


def main():
    name, path, seed, n = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    ours = load_file(path)
    theirs = reference(name, torch.float32, n, seed)
    exact = reference(name, torch.float64, n, seed)
    worst = {}
    print(f"{'tensor':40} {'ours-torch32':>13} {'ours-torch64':>13} {'torch32-torch64':>16}")
    for key, b in exact.items():
        size = b.abs().max().item()
        weight = exact.get(key.replace(".bias", ".weight"))
        if key.startswith("gradient.") and key.endswith(".bias") and size < 1e-6 * weight.abs().max():
            size = weight.abs().max().item()
        size = max(size, 1e-30)
        row = [error(ours[key], theirs[key], size), error(ours[key], b, size), error(theirs[key], b, size)]
        kind = key.split(".")[0]
        worst[kind] = [max(p) for p in zip(worst.get(kind, [0, 0, 0]), row)]
        print(f"{key:40} {row[0]:13.3g} {row[1]:13.3g} {row[2]:16.3g}")
    for kind, row in worst.items():
        print(f"worst {kind:34} {row[0]:13.3g} {row[1]:13.3g} {row[2]:16.3g}")


main()
