"""Writes tests/parity/dense.json: what PyTorch computes for convolution, pooling, batch
normalisation, matmul and linear, with gradients for a random cotangent.

Inputs are not stored: both sides draw them from the same small generator (tests/support/parity.lua).
Long results are sampled at every `step`-th element.
"""
import json
import math
import os

import torch
import torch.nn.functional as F

torch.set_num_threads(1)
MOST = 48  # stored values of one tensor


def draw(seed, shape, low=-1.0, high=1.0):
    """MINSTD, exact in doubles: value = low + (high - low) * s / (2^31 - 1)."""
    n = math.prod(shape)
    s, out = seed, []
    for _ in range(n):
        s = s * 16807 % 2147483647
        out.append(low + (high - low) * (s / 2147483647))
    return torch.tensor(out, dtype=torch.float64).to(torch.float32).reshape(shape)


def number(v):
    if math.isnan(v):
        return "nan"
    if math.isinf(v):
        return "inf" if v > 0 else "-inf"
    return float(f"{v:.7g}")


def stored(t):
    flat = t.detach().double().flatten().tolist()
    step = max(1, -(-len(flat) // MOST))
    return {"shape": list(t.shape), "step": step, "values": [number(v) for v in flat[::step]]}


def special(x, kind):
    """The same edits are made by the Lua side."""
    flat = x.view(-1)
    if kind == "ties":
        flat.copy_(torch.round(flat * 2) / 2)
    elif kind == "nan":
        flat[::7] = math.nan
    elif kind == "minus_inf":
        flat[: flat.numel() // 2] = -math.inf
    elif kind == "offset":
        flat.add_(1000.0)
    return x


cases = []


def case(op, name, f, inputs, options=None, kind=None, extra=None):
    """inputs: list of (name, shape[, low, high]); the first may be edited by `special`."""
    tensors = []
    for i, spec in enumerate(inputs):
        t = draw(1000 + 77 * i, *spec[1:])
        if i == 0 and kind:
            t = special(t, kind)
        tensors.append(t.requires_grad_())
    state = {}
    y = f(*tensors, state)
    gy = draw(5, tuple(y.shape))
    y.backward(gy)
    cases.append({
        "op": op, "name": name, "options": options or {}, "kind": kind,
        "inputs": [{"name": s[0], "shape": list(s[1]), "low": s[2] if len(s) > 2 else -1.0,
                    "high": s[3] if len(s) > 3 else 1.0} for s in inputs],
        "y": stored(y), "grads": [stored(t.grad) for t in tensors],
        "after": {k: stored(v) for k, v in state.items()}, **(extra or {})})


def pair(v):
    return list(v) if isinstance(v, tuple) else v


def conv(name, x, w, bias=True, kind=None, **o):
    inputs = [("x", x), ("weight", w)] + ([("bias", (w[0],))] if bias else [])

    def f(x, w, *rest):
        return F.conv2d(x, w, rest[0] if bias else None, o.get("stride", 1), o.get("pad", 0),
                        o.get("dilation", 1), o.get("groups", 1))
    case("conv2d", name, f, inputs, {k: pair(v) for k, v in o.items()}, kind)


conv("plain", (2, 3, 7, 6), (5, 3, 3, 3))
conv("no bias", (2, 3, 7, 6), (5, 3, 3, 3), bias=False)
conv("stride", (2, 3, 9, 8), (4, 3, 3, 2), stride=(2, 3))
conv("pad", (2, 3, 5, 6), (4, 3, 3, 3), pad=(1, 2))
conv("dilation", (1, 2, 9, 9), (3, 2, 3, 3), dilation=(2, 3), pad=2)
conv("groups", (2, 6, 6, 5), (4, 3, 3, 3), groups=2, pad=1)
conv("groups of blocks", (1, 64, 5, 5), (64, 32, 3, 3), groups=2, pad=1)
conv("depthwise", (2, 6, 7, 7), (6, 1, 3, 3), groups=6, pad=1)
conv("depthwise x2", (2, 6, 7, 7), (12, 1, 3, 3), groups=6, pad=1, stride=2)
conv("depthwise blocked", (2, 32, 9, 9), (32, 1, 5, 5), groups=32, pad=2, stride=2)
conv("one by one", (2, 16, 4, 4), (32, 16, 1, 1))
conv("one by one stride", (2, 32, 5, 5), (16, 32, 1, 1), stride=2)
conv("first layer", (2, 3, 12, 12), (32, 3, 3, 3), pad=1)
conv("stem", (1, 3, 17, 17), (16, 3, 7, 7), stride=2, pad=3)
conv("blocked", (2, 32, 9, 7), (48, 32, 3, 3), pad=1)
conv("blocked wide", (3, 32, 12, 12), (32, 32, 3, 3), pad=1)
conv("blocked 4x4", (5, 64, 4, 4), (32, 64, 3, 3), pad=1)
conv("blocked 2x2", (7, 64, 2, 2), (48, 64, 3, 3), pad=1)
conv("blocked no pad", (2, 32, 9, 8), (32, 32, 3, 3))
conv("blocked stride", (2, 32, 9, 9), (32, 32, 3, 3), pad=1, stride=2)
conv("blocked dilation", (2, 16, 9, 9), (32, 16, 3, 3), pad=2, dilation=2)
conv("odd channels", (2, 17, 6, 6), (33, 17, 3, 3), pad=1)
conv("into plain", (2, 32, 5, 5), (10, 32, 3, 3), pad=1)
conv("one element", (1, 1, 1, 1), (1, 1, 1, 1))
conv("nan", (1, 2, 5, 5), (2, 2, 3, 3), pad=1, kind="nan")


def max_pool(name, x, kind=None, **o):
    k = o["kernel"]
    case("max_pool2d", name, lambda x, _: F.max_pool2d(
        x, k, o.get("stride", k), o.get("pad", 0), 1, o.get("ceil_mode", False)),
        [("x", x)], {a: pair(v) for a, v in o.items()}, kind)


def avg_pool(name, x, **o):
    k = o["kernel"]
    case("avg_pool2d", name, lambda x, _: F.avg_pool2d(
        x, k, o.get("stride", k), o.get("pad", 0), o.get("ceil_mode", False),
        o.get("count_include_pad", True)), [("x", x)], {a: pair(v) for a, v in o.items()})


for c in (3, 16, 24):
    max_pool(f"halves {c}", (2, c, 6, 4), kernel=2)
    max_pool(f"odd edge {c}", (1, c, 5, 7), kernel=2, stride=2)
    max_pool(f"overlap {c}", (1, c, 7, 7), kernel=3, stride=2, pad=1)
    max_pool(f"ceil {c}", (1, c, 6, 7), kernel=3, stride=2, ceil_mode=True)
    max_pool(f"ceil pad {c}", (1, c, 5, 5), kernel=2, stride=3, pad=1, ceil_mode=True)
    max_pool(f"rectangle {c}", (1, c, 7, 6), kernel=(3, 2), stride=(1, 2), pad=(1, 0))
    max_pool(f"ties {c}", (1, c, 6, 6), kernel=2, kind="ties")
    max_pool(f"nan {c}", (1, c, 6, 6), kernel=2, kind="nan")
    max_pool(f"nan overlap {c}", (1, c, 6, 6), kernel=3, stride=1, kind="nan")
    max_pool(f"minus inf {c}", (2, c, 4, 4), kernel=2, kind="minus_inf")
    max_pool(f"large window {c}", (1, c, 20, 18), kernel=(17, 16), stride=1)
    avg_pool(f"halves {c}", (2, c, 6, 4), kernel=2)
    avg_pool(f"pad {c}", (1, c, 5, 6), kernel=3, stride=2, pad=1)
    avg_pool(f"pad not counted {c}", (1, c, 5, 6), kernel=3, stride=2, pad=1,
             count_include_pad=False)
    avg_pool(f"ceil {c}", (1, c, 6, 7), kernel=3, stride=2, pad=1, ceil_mode=True)
    for op, fn in (("adaptive_avg_pool2d", F.adaptive_avg_pool2d),
                   ("adaptive_max_pool2d", F.adaptive_max_pool2d)):
        for h, w in ((1, 1), (3, 2), (7, 7), (9, 5)):
            case(op, f"{h}x{w} of {c}", lambda x, _, s=(h, w), g=fn: g(x, s), [("x", (1, c, 7, 6))],
                 {"size": [h, w]})


def norm(name, x, affine=True, running=True, kind=None, **o):
    c = x[1]

    def f(x, *rest):
        state = rest[-1]
        mean = draw(31, (c,)) if running else None
        var = draw(37, (c,), 0.5, 2.0) if running else None
        w, b = rest[:2] if affine else (None, None)
        y = F.batch_norm(x, mean, var, w, b, o.get("training", False), o.get("momentum", 0.1),
                         o.get("eps", 1e-5))
        if running:
            state["running_mean"], state["running_var"] = mean, var
        return F.relu(y) if o.get("relu") else y
    inputs = [("x", x)] + ([("weight", (c,), 0.5, 2.0), ("bias", (c,))] if affine else [])
    case("batch_norm2d", name, f, inputs, o, kind, {"running": running})


for c in (3, 16, 40):
    norm(f"training {c}", (4, c, 5, 3), training=True)
    norm(f"training relu {c}", (3, c, 4, 4), training=True, relu=True)
    norm(f"eval {c}", (2, c, 3, 3))
    norm(f"eval relu {c}", (2, c, 3, 5), relu=True)
    norm(f"no affine {c}", (4, c, 3, 3), affine=False, training=True)
    norm(f"momentum eps {c}", (4, c, 2, 2), training=True, momentum=0.3, eps=1e-2)
    norm(f"batch statistics {c}", (4, c, 4, 4), running=False, training=True)
    norm(f"offset {c}", (8, c, 6, 6), training=True, kind="offset")
    norm(f"large {c}", (9, c, 32, 32), training=True, relu=True)
    norm(f"single pixel {c}", (6, c, 1, 1), training=True)


def product(a, b):
    case("matmul", f"{a} {b}".replace(" ", ""), lambda a, b, _: a @ b, [("a", a), ("b", b)])


for a, b in (((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 5)), ((3, 4), (4, 5)), ((2, 3, 4), (4, 5)),
             ((2, 3, 4), (2, 4, 5)), ((2, 1, 3, 4), (3, 4, 5)), ((6, 3, 4), (4,)),
             ((4,), (6, 4, 5)), ((3, 4), (6, 4, 5)), ((1, 1), (1, 1)), ((70, 33), (33, 50)),
             ((5, 7, 2, 3), (5, 7, 3, 2))):
    product(a, b)


def linear(name, x, w, bias=True):
    case("linear", name, lambda x, w, *r: F.linear(x, w, r[0] if bias else None),
         [("x", x), ("weight", w)] + ([("bias", (w[0],))] if bias else []))


linear("rows", (3, 4), (5, 4))
linear("no bias", (3, 4), (5, 4), bias=False)
linear("vector", (4,), (5, 4))
linear("batches", (2, 3, 4), (5, 4))
linear("large", (17, 130), (65, 130))
linear("one", (1, 1), (1, 1))

path = os.path.join(os.path.dirname(__file__), "dense.json")
with open(path, "w") as f:
    f.write('{"torch": "%s", "cases": [\n' % torch.__version__)
    f.write(",\n".join(json.dumps(c, separators=(",", ":")) for c in cases))
    f.write("\n]}\n")
print(path, os.path.getsize(path), "bytes,", len(cases), "cases")
