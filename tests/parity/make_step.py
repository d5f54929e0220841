#!/usr/bin/env python3
"""One training step and ten Adam steps of VGG-16-BN and CIFAR10Net (with batch normalisation) in PyTorch,
reduced to what a test needs: losses, logits, and for every gradient and running statistic its norm,
largest magnitude, projections on pseudo-random vectors and some entries.

    python make_step.py [directory]         (some minutes; writes step_<model>.json)

The gradient of a ReLU or a pooling jumps where its input is nearly zero or tied, so two float32 programs
are comparable only if no such decision lies within rounding; of some two million, a few always do. So a
few hundred weights are moved a little until every decision is at least MARGIN away ("nudges": flat
positions and values)."""
import json
import sys
from pathlib import Path

import numpy as np
import torch
from step_common import BATCH, MODELS, batch, set_weights, u, words

PROJECTIONS, SAMPLES, MARGIN = 4, 12, 1e-4
# Small: after the first step a ReLU decides differently now and then, which moves some weights by 2 lr.
ADAM_LR = 1e-6


def digest(k, t):
    g = t.detach().double().numpy().reshape(-1)
    at = words(5000 + k, SAMPLES) % np.uint32(g.size)
    return {
        "norm": float(np.linalg.norm(g)),
        "max": float(np.abs(g).max()),
        "projections": [float(g @ u(2000 + 8 * k + j, g.size)) for j in range(PROJECTIONS)],
        "samples": [float(g[i]) for i in at],
    }


def gradients(name, dtype, moved):
    model = MODELS[name]()
    set_weights(model, moved)
    model = model.to(dtype).train()
    x, y = batch(BATCH, 0)
    loss = torch.nn.functional.cross_entropy(model(x.to(dtype)), y)
    loss.backward()
    return loss.item(), [p.grad for p in model.parameters()], model


def lead(z):
    """How far each pooling window's winner is ahead; windows of zeros decide nothing."""
    n, c, h, w = z.shape
    win = z.clamp(min=0).view(n, c, h // 2, 2, w // 2, 2).transpose(3, 4).reshape(n, c, -1, 4)
    top = win.topk(2, dim=3).values
    return torch.where(top[..., 0] > 0, top[..., 0] - top[..., 1], torch.ones((), dtype=z.dtype))


def margins(z, pooled):
    """Per channel, the smallest decision of the ReLU and, if one follows, of the pooling."""
    least = z.abs().transpose(0, 1).flatten(1).min(dim=1).values
    if pooled:
        least = torch.minimum(least, lead(z).transpose(0, 1).flatten(1).min(dim=1).values)
    return least


def widen(index, compute, pooled, nudge):
    """Moves one parameter of each channel that decides too narrowly until it does not. Returns what was
    moved, as flat positions and values, and the layer's output."""
    moved = {}
    z = compute(slice(None))
    for c in torch.nonzero(margins(z, pooled) < MARGIN).flatten().tolist():
        for step in range(1, 200):
            moved[index(c)] = nudge(c, step)
            z[:, c : c + 1] = compute(slice(c, c + 1))
            if margins(z[:, c : c + 1], pooled).item() >= MARGIN:
                break
        else:
            raise SystemExit("no margin found")
    return moved, z


def nudges(name, x):
    """The parameters to move so that the step decides nothing within rounding: { name: [[i, value]] }."""
    model = MODELS[name]()
    set_weights(model)
    model = model.double().train()
    layers = list(model.features.named_children())
    out, x = {}, x.double()
    F = torch.nn.functional
    with torch.no_grad():
        for at, (key, conv) in enumerate(layers):
            if isinstance(conv, torch.nn.MaxPool2d):
                x = F.max_pool2d(x, 2)
            if not isinstance(conv, torch.nn.Conv2d):
                continue
            norm, pooled = layers[at + 1][1], isinstance(layers[at + 3][1], torch.nn.MaxPool2d)
            flat, size = conv.weight.view(-1), conv.weight[0].numel()

            def compute(c):
                y = F.conv2d(x, conv.weight[c], conv.bias[c], padding=1)
                return F.batch_norm(y, None, None, norm.weight[c], norm.bias[c], True)

            def nudge(c, step):
                flat[c * size + 4] = (flat[c * size + 4].float() + 0.01 * step).double()
                return flat[c * size + 4].item()

            moved, z = widen(lambda c: c * size + 4, compute, pooled, nudge)
            out[f"features.{key}.weight"] = sorted(moved.items())
            x = z.clamp(min=0)
        x = x.flatten(1)
        heads = list(model.classifier.named_children())
        for key, linear in heads[:-1]:
            if not isinstance(linear, torch.nn.Linear):
                continue

            def compute(c):
                return F.linear(x, linear.weight[c], linear.bias[c])

            def nudge(c, step):
                linear.bias[c] = (linear.bias[c].float() + 0.001 * step).double()
                return linear.bias[c].item()

            moved, z = widen(lambda c: c, compute, False, nudge)
            out[f"classifier.{key}.bias"] = sorted(moved.items())
            x = z.clamp(min=0)
    return {k: v for k, v in out.items() if v}


def disagreement(name, moved):
    """Largest relative difference of a float32 gradient from the float64 one; conv biases before a
    norm have a gradient of zero and are left out."""
    _, exact, _ = gradients(name, torch.float64, moved)
    _, plain, _ = gradients(name, torch.float32, moved)
    worst = 0.0
    for a, b in zip(plain, exact):
        size = b.abs().max().item()
        if size > 1e-9:
            worst = max(worst, (a.double() - b).abs().max().item() / size)
    return worst


def adam_losses(name, dtype, moved):
    model = MODELS[name]()
    set_weights(model, moved)
    model = model.to(dtype).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=ADAM_LR)
    losses = []
    x, y = batch(BATCH, 0)
    for _ in range(10):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x.to(dtype)), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def make(name):
    x, _ = batch(BATCH, 0)
    moved = nudges(name, x)
    out = {"model": name, "torch": torch.__version__, "batch": BATCH, "nudges": moved}
    model = MODELS[name]()
    set_weights(model, moved)
    with torch.no_grad():
        out["logits"] = model.eval()(x).flatten().tolist()
    loss, grads, model = gradients(name, torch.float32, moved)
    out["loss"] = loss
    out["f32_against_f64"] = disagreement(name, moved)
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
    out["adam_lr"] = ADAM_LR
    out["adam_losses"] = adam_losses(name, torch.float32, moved)
    out["adam_losses_f64"] = adam_losses(name, torch.float64, moved)
    return out


def main():
    where = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "nn")
    for name in MODELS:
        result = make(name)
        print(name, result["loss"], result["f32_against_f64"], sum(map(len, result["nudges"].values())))
        for a, b in zip(result["adam_losses"], result["adam_losses_f64"]):
            print(f"  {a:.7f}  off float64 by {abs(a - b) / b:.2g}")
        (where / f"step_{name}.json").write_text(json.dumps(result, indent=0) + "\n")


if __name__ == "__main__":
    main()
