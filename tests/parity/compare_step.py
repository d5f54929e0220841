#!/usr/bin/env python3
"""Compares one training step of a whole model with PyTorch, element by element.

    vgglua tests/parity/dump_step.lua vgg16_bn step.safetensors
    python tests/parity/compare_step.py vgg16_bn step.safetensors

The error of a tensor is max|ours - theirs| / max|theirs|. A bias in front of a batch norm has a gradient
of zero; what both sides hold there is rounding, and it is measured against the layer's weight gradient.
PyTorch in float64 is printed beside it as the yardstick of both."""
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file
from step_common import BATCH, MODELS, batch, set_weights


def reference(name, dtype):
    stored = json.loads((Path(__file__).parent / "nn" / f"step_{name}.json").read_text())
    model = MODELS[name]()
    set_weights(model, stored["nudges"])
    model = model.to(dtype)
    x, y = batch(BATCH, 0)
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
    name, ours = sys.argv[1], load_file(sys.argv[2])
    theirs = reference(name, torch.float32)
    exact = reference(name, torch.float64)
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
