#!/usr/bin/env python3
"""One training step and ten Adam steps of VGG-16-BN and CIFAR10Net (with batch normalisation) in PyTorch,
reduced to what a test needs: losses, logits, and for every gradient and running statistic its norm,
largest magnitude, projections on pseudo-random vectors and some entries.

    python make_step.py [directory]         (about two minutes; writes step_<model>.json)
    python make_step.py --search MODEL N    (prints how well float32 and float64 agree for seeds below N)
"""
import json
import sys
from pathlib import Path

import numpy as np
import torch
from step_common import BATCH, MODELS, SEED, batch, set_weights, u, words

PROJECTIONS, SAMPLES = 4, 12


def digest(k, t):
    g = t.detach().double().numpy().reshape(-1)
    at = words(5000 + k, SAMPLES) % np.uint32(g.size)
    return {
        "norm": float(np.linalg.norm(g)),
        "max": float(np.abs(g).max()),
        "projections": [float(g @ u(2000 + 8 * k + j, g.size)) for j in range(PROJECTIONS)],
        "samples": [float(g[i]) for i in at],
    }


def gradients(name, dtype, seed):
    model = MODELS[name]()
    set_weights(model)
    model = model.to(dtype).train()
    x, y = batch(BATCH, seed)
    loss = torch.nn.functional.cross_entropy(model(x.to(dtype)), y)
    loss.backward()
    return loss.item(), [p.grad for p in model.parameters()], model


def disagreement(name, seed):
    """Largest relative difference of a float32 gradient from the float64 one; conv biases before a
    norm have a gradient of zero and are left out."""
    _, exact, _ = gradients(name, torch.float64, seed)
    _, plain, _ = gradients(name, torch.float32, seed)
    worst = 0.0
    for a, b in zip(plain, exact):
        size = b.abs().max().item()
        if size > 1e-9:
            worst = max(worst, (a.double() - b).abs().max().item() / size)
    return worst


def make(name):
    torch.manual_seed(0)
    seed = SEED[name]
    x, y = batch(BATCH, seed)
    out = {"model": name, "torch": torch.__version__, "batch": BATCH, "seed": seed}
    model = MODELS[name]()
    set_weights(model)
    with torch.no_grad():
        out["logits"] = model.eval()(x).flatten().tolist()
    loss, grads, model = gradients(name, torch.float32, seed)
    out["loss"] = loss
    out["f32_against_f64"] = disagreement(name, seed)
    names = [n for n, _ in model.named_parameters()]
    out["gradients"] = {n: digest(k, g) for k, (n, g) in enumerate(zip(names, grads))}
    out["statistics"] = {
        n: digest(500 + k, b)
        for k, (n, b) in enumerate(model.named_buffers())
        if b.is_floating_point()
    }
    out["batches_tracked"] = int(dict(model.named_buffers())["features.1.num_batches_tracked"])
    with torch.no_grad():
        out["logits_after"] = model.eval()(x).flatten().tolist()
    model = MODELS[name]()
    set_weights(model)
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    out["adam_losses"] = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        out["adam_losses"].append(loss.item())
    return out


def main():
    if sys.argv[1:2] == ["--search"]:
        for seed in range(int(sys.argv[3])):
            print(seed, disagreement(sys.argv[2], seed), flush=True)
        return
    where = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "nn")
    for name in MODELS:
        result = make(name)
        print(name, result["loss"], result["f32_against_f64"], result["adam_losses"])
        (where / f"step_{name}.json").write_text(json.dumps(result, indent=0) + "\n")


main()
