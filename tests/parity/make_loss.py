"""Softmax, cross-entropy and mean squared error of PyTorch: values and gradients.
Writes loss.json. Inputs are stored, so that the specs need no generator of their own."""
import json
import math
import pathlib

import torch
import torch.nn.functional as F

torch.manual_seed(7)
HERE = pathlib.Path(__file__).parent


def special(v):
    if math.isnan(v):
        return "nan"
    if math.isinf(v):
        return "inf" if v > 0 else "-inf"
    return float(f"{v:.8g}")


def pack(t):
    t = t.detach()
    if t.dtype == torch.int64:
        values = t.reshape(-1).tolist()
    else:
        values = [special(v) for v in t.reshape(-1).double().tolist()]
    return {"shape": list(t.shape), "values": values}


def run(op, x, gy=None, **case):
    x = x.detach().clone().requires_grad_()
    y = op(x)
    gy = torch.randn(y.shape) if gy is None else gy
    y.backward(gy)
    return dict(case, x=pack(x), y=pack(y), gy=pack(gy), gx=pack(x.grad))


def softmax_cases():
    big = torch.tensor([[1e4, -1e4, 0.0], [1e4, 1e4, 9999.0]])
    rows = {
        "matrix": (torch.randn(5, 7), -1),
        "first dim": (torch.randn(5, 7), 0),
        "middle dim": (torch.randn(2, 5, 3), 1),
        "four dims": (torch.randn(2, 6, 3, 2), 1),
        "vector": (torch.randn(4), 0),
        "one element": (torch.randn(1, 1), 1),
        "scalar": (torch.randn(()), 0),
        "empty": (torch.randn(0, 3), 1),
        "large": (big, 1),
        "minus inf": (torch.tensor([[-math.inf, 1.0, 2.0], [0.0, -math.inf, -math.inf]]), 1),
        "all minus inf": (torch.full((1, 3), -math.inf), 1),
        "plus inf": (torch.tensor([[math.inf, 1.0, 2.0]]), 1),
        "nan": (torch.tensor([[math.nan, 1.0, 2.0], [0.0, 1.0, 2.0]]), 1),
        "wide": (3 * torch.randn(2, 120), 1),
    }
    out = []
    for name, (x, dim) in rows.items():
        lua_dim = dim + 1 if dim >= 0 else dim
        out.append(run(lambda v: F.softmax(v, dim), x, name=name, dim=lua_dim, log=False))
        out.append(run(lambda v: F.log_softmax(v, dim), x, name=name, dim=lua_dim, log=True))
    return out


def ce_cases():
    out = []

    def add(name, x, t, **o):
        f = lambda v: F.cross_entropy(v, t, **o)
        out.append(run(f, x, name=name, target=pack(t), options=o))

    x, t = 2 * torch.randn(6, 5), torch.randint(0, 5, (6,))
    for reduction in ("mean", "sum", "none"):
        for smoothing in (0.0, 0.1, 1.0):
            add(f"{reduction} {smoothing}", x, t, reduction=reduction, label_smoothing=smoothing)
    some = t.clone()
    some[1], some[4] = -100, -100
    for reduction in ("mean", "sum", "none"):
        add(f"ignore {reduction}", x, some, reduction=reduction, label_smoothing=0.2)
    add("ignore class 2", x, t, ignore_index=2)
    add("ignore 255", x, torch.where(t == 1, 255, t), ignore_index=255, label_smoothing=0.05)
    everything = torch.full((6,), -100)
    add("all ignored mean", x, everything)
    add("all ignored sum", x, everything, reduction="sum")
    image, labels = torch.randn(2, 4, 3, 2), torch.randint(0, 4, (2, 3, 2))
    labels[0, 0, 0] = -100
    for reduction in ("mean", "none"):
        add(f"images {reduction}", image, labels, reduction=reduction, label_smoothing=0.1)
    add("three dims", torch.randn(2, 4, 5), torch.randint(0, 4, (2, 5)))
    add("one class", torch.randn(3, 1), torch.zeros(3, dtype=torch.long))
    add("one sample", torch.randn(1, 3), torch.tensor([2]))
    add("empty mean", torch.randn(0, 3), torch.zeros(0, dtype=torch.long))
    add("empty sum", torch.randn(0, 3), torch.zeros(0, dtype=torch.long), reduction="sum")
    big = torch.tensor([[1e4, -1e4, 0.0], [1e4, 1e4, 9999.0], [-1e4, 0.0, 1e4]])
    add("logits of 1e4 right", big, torch.tensor([0, 1, 2]), reduction="none")
    add("logits of 1e4 wrong", big, torch.tensor([1, 2, 0]), reduction="none")
    add("logits of 1e4 smooth", big, torch.tensor([1, 2, 0]), label_smoothing=0.1)
    add("nan", torch.tensor([[math.nan, 0.0], [1.0, 2.0]]), torch.tensor([1, 0]), reduction="none")
    add("minus inf", torch.tensor([[-math.inf, 0.0], [1.0, -math.inf]]), torch.tensor([1, 1]),
        reduction="none")
    add("large batch", torch.randn(130, 10), torch.randint(0, 10, (130,)), label_smoothing=0.1)
    return out


def nll_cases():
    out = []
    x, t = F.log_softmax(torch.randn(5, 4), 1), torch.tensor([0, 3, -100, 2, 1])
    for reduction in ("mean", "sum", "none"):
        f = lambda v: F.nll_loss(v, t, reduction=reduction)
        out.append(run(f, x, name=reduction, target=pack(t), options={"reduction": reduction}))
    return out


def mse_cases():
    out = []
    for shape in ((4, 3), (1,), (2, 3, 2)):
        x, t = torch.randn(shape), torch.randn(shape)
        for reduction in ("mean", "sum", "none"):
            f = lambda v: F.mse_loss(v, t, reduction=reduction)
            out.append(run(f, x, name=f"{shape} {reduction}", target=pack(t),
                           options={"reduction": reduction}))
    return out


data = {"torch": torch.__version__, "softmax": softmax_cases(), "cross_entropy": ce_cases(),
        "nll_loss": nll_cases(), "mse_loss": mse_cases()}
(HERE / "loss.json").write_text(json.dumps(data, separators=(",", ":")) + "\n")
