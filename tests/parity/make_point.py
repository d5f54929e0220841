"""Stored values for elementwise operations, activations, reductions, views and indexing.

Writes elementwise.json, activation.json, reduce.json and index.json beside itself. A case holds the
method's name, its arguments as Lua passes them (dimensions and positions from 1, "$2" is input 2),
the inputs, PyTorch's outputs, and the inputs' gradients for the cotangent draw(4242).
"""
import json
import math
import os

import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = {torch.float32: "float32", torch.bfloat16: "bfloat16", torch.int64: "int64",
         torch.uint8: "uint8", torch.bool: "uint8"}
cases = []


def draw(seed, n, low=-1.0, high=1.0):
    out = []
    for _ in range(n):
        seed = seed * 16807 % 2147483647
        out.append(low + (high - low) * (seed / 2147483647))
    return out


def rnd(seed, *shape, low=-1.0, high=1.0):
    return torch.tensor(draw(seed, math.prod(shape), low, high), dtype=torch.float32).reshape(shape)


def number(v):
    if isinstance(v, int):
        return v
    if math.isnan(v):
        return "nan"
    if math.isinf(v):
        return "inf" if v > 0 else "-inf"
    return int(v) if v == int(v) and abs(v) < 1e15 and not (v == 0 and math.copysign(1, v) < 0) \
        else float("%.9g" % v)


def pack(t):
    if t.dtype == torch.bool:
        t = t.to(torch.uint8)
    flat = t.detach().float() if t.dtype == torch.bfloat16 else t.detach()
    return {"shape": list(t.shape), "dtype": NAMES[t.dtype],
            "values": [number(v) for v in flat.reshape(-1).tolist()]}


def case(op, kind, inputs, fn, args=(), grad=True, tolerance=None):
    leaves = [x.clone() for x in inputs]
    wants = [grad and x.is_floating_point() for x in leaves]
    for x, w in zip(leaves, wants):
        x.requires_grad_(w)
    out = fn(*leaves)
    outs = out if isinstance(out, (tuple, list)) else (out,)
    stored = {"op": op, "kind": kind, "args": list(args), "inputs": [pack(x) for x in inputs],
              "outputs": [pack(y) for y in outs], "grads": None}
    if tolerance:
        stored["tolerance"] = tolerance
    if any(wants) and outs[0].requires_grad:
        y = outs[0]
        gy = torch.tensor(draw(4242, y.numel()), dtype=torch.float32).reshape(y.shape).to(y.dtype)
        y.backward(gy)
        stored["grads"] = [pack(x.grad) if w and x.grad is not None else None
                           for x, w in zip(leaves, wants)]
    cases.append(stored)


def save(name):
    path = os.path.join(HERE, name + ".json")
    with open(path, "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
    print(name, len(cases), "cases", os.path.getsize(path), "bytes")
    cases.clear()


GRID = torch.tensor([i / 4 for i in range(-16, 17)] + [-7.5, -3.0, 3.0, 6.0, 11.0, 21.0, 90.0, -90.0])
SPECIAL = torch.tensor([math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-30, -1e-30, 3e38, -3e38, 88.5])
POSITIVE = torch.tensor([1e-6, 0.1, 0.5, 1.0, 2.0, 3.7, 10.0, 1e4, 1e20])
WHOLE = torch.tensor([-7, -2, -1, 0, 1, 2, 9, 250])
EMPTY = torch.zeros(0, 3)
ONE = torch.tensor([[0.75]])


def unary():
    same = {
        "neg": torch.neg, "abs": torch.abs, "exp": torch.exp, "square": torch.square,
        "sign": torch.sign, "sin": torch.sin, "cos": torch.cos, "floor": torch.floor,
        "ceil": torch.ceil, "round": torch.round, "erf": torch.erf, "expm1": torch.expm1,
        "reciprocal": torch.reciprocal, "relu": F.relu, "relu6": F.relu6, "silu": F.silu,
        "sigmoid": torch.sigmoid, "tanh": torch.tanh, "hardswish": F.hardswish,
        "hardsigmoid": F.hardsigmoid, "gelu": F.gelu, "leaky_relu": F.leaky_relu, "elu": F.elu,
        "softplus": F.softplus,
    }
    # 3e38 and 88.5 squared or divided give infinities whose gradients are compared too.
    for name, fn in same.items():
        # PyTorch's gelu is off by up to 6e-7 in its tail
        case(name, "grid", [GRID], fn, tolerance=1e-5 if name == "gelu" else None)
        special = SPECIAL[[0, 3, 4, 5, 6]] if name == "gelu" else SPECIAL  # it maps inf to nan
        case(name, "special", [special], fn, grad=name not in ("sin", "cos"))
        case(name, "one", [ONE], fn)
        case(name, "empty", [EMPTY], fn)
        case(name, "bfloat16", [GRID.to(torch.bfloat16)], fn, grad=False, tolerance=0.008)
    for name in ("log", "sqrt", "rsqrt", "log1p"):
        case(name, "positive", [POSITIVE], getattr(torch, name))
        case(name, "special", [SPECIAL], getattr(torch, name))
        case(name, "empty", [EMPTY], getattr(torch, name))
    case("gelu", "tanh", [GRID], lambda x: F.gelu(x, approximate="tanh"), ["tanh"])
    case("leaky_relu", "slope", [GRID], lambda x: F.leaky_relu(x, 0.2), [0.2])
    case("elu", "alpha", [GRID], lambda x: F.elu(x, 1.5), [1.5])
    case("softplus", "beta", [GRID], lambda x: F.softplus(x, 2.0, 5.0), [2.0, 5.0])
    case("clamp", "both", [GRID], lambda x: x.clamp(-1.25, 2.5), [-1.25, 2.5])
    case("clamp", "max", [GRID], lambda x: x.clamp(max=1.0), [None, 1.0])
    case("clamp", "min special", [SPECIAL], lambda x: x.clamp(min=-1.0), [-1.0])
    case("clamp", "crossed", [GRID], lambda x: x.clamp(2.0, 1.0), [2.0, 1.0], grad=False)
    case("isnan", "special", [SPECIAL], torch.isnan)
    case("isfinite", "special", [SPECIAL], torch.isfinite)
    case("logical_not", "special", [SPECIAL], torch.logical_not)
    for name in ("neg", "abs", "square", "sign", "relu", "floor", "isnan", "isfinite",
                 "logical_not"):
        fn = F.relu if name == "relu" else getattr(torch, name)
        case(name, "int64", [WHOLE], fn)
    for name in ("exp", "sigmoid", "sqrt"):
        case(name, "int64 becomes float", [WHOLE.abs()], getattr(torch, name))
    case("clamp", "int64", [WHOLE], lambda x: x.clamp(-1, 5), [-1, 5])
    save("activation")


def binary():
    a, b = rnd(1, 3, 4), rnd(2, 3, 4)
    ops = {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div,
           "maximum": torch.maximum, "minimum": torch.minimum}
    compare = {"eq": torch.eq, "ne": torch.ne, "lt": torch.lt, "le": torch.le, "gt": torch.gt,
               "ge": torch.ge}
    special2 = SPECIAL[[3, 1, 1, 0, 4, 5, 0, 9, 8, 7]]
    shapes = [("row", (3, 4), (4,)), ("column", (3, 4), (3, 1)), ("outer", (3, 1), (1, 4)),
              ("channel", (2, 3, 2, 2), (3, 1, 1)), ("scalar", (3, 4), ()), ("both", (2, 1, 3), (4, 1)),
              ("one", (1, 1), (1,)), ("empty", (0, 3), (3,)), ("empty column", (4, 0), (4, 1))]
    for name, fn in {**ops, **compare}.items():
        case(name, "same", [a, b], fn, ["$2"])
        case(name, "special", [SPECIAL, special2], fn, ["$2"])
        case(name, "ties", [torch.tensor([1.0, 2, 3, 3]), torch.tensor([1.0, 3, 2, 3])], fn, ["$2"])
        case(name, "int64", [WHOLE, WHOLE.flip(0)], fn, ["$2"])
        for kind, p, q in shapes:
            case(name, kind, [rnd(3, *p), rnd(4, *q, low=0.5, high=2)], fn, ["$2"])
    for name, fn in ops.items():
        case(name, "float and int64", [a, torch.tensor([1, 2, 3, 4])], fn, ["$2"])
        case(name, "bfloat16 and float", [a.to(torch.bfloat16), b], fn, ["$2"])
        case(name, "bfloat16", [a.to(torch.bfloat16), b.to(torch.bfloat16)], fn, ["$2"], grad=False,
             tolerance=0.008)
    case("add", "uint8", [torch.tensor([1, 200], dtype=torch.uint8),
                          torch.tensor([3, 100], dtype=torch.uint8)], torch.add, ["$2"])
    case("add", "alpha", [a, b], lambda x, y: torch.add(x, y, alpha=0.5), ["$2", 0.5])
    case("sub", "alpha", [a, b], lambda x, y: torch.sub(x, y, alpha=3), ["$2", 3])
    case("pow", "same", [rnd(5, 3, 4, low=0.2, high=2), b], torch.pow, ["$2"])
    case("pow", "zeros", [torch.tensor([0.0, 0.0, 0.0, 2.0, -2.0]),
                          torch.tensor([0.0, 1.0, 2.0, 0.0, 3.0])], torch.pow, ["$2"])
    case("pow", "int64", [WHOLE, torch.tensor([0, 1, 2, 3, 4, 5, 6, 2])], torch.pow, ["$2"])
    for v in (2.0, 3.0, 0.5, -1.0, 0.0, 1.0, -2.0, 2.5):
        case("pow", "by %g" % v, [POSITIVE[1:8]], lambda x, v=v: torch.pow(x, v), [v])
    case("pow", "negative base", [torch.tensor([-2.0, -1.0, 0.0])], lambda x: x ** 3, [3])
    for name, fn in {**ops, **compare}.items():
        if name not in ("maximum", "minimum"):
            case(name, "number", [GRID], lambda x, f=fn: f(x, 1.3), [1.3])
    case("add", "int64 and 2", [WHOLE], lambda x: x + 2, [2])
    case("add", "int64 and 0.5", [WHOLE], lambda x: x + 0.5, [0.5])
    case("div", "int64 and 4", [WHOLE], lambda x: x / 4, [4])
    case("gt", "int64 and 0.5", [WHOLE], lambda x: x > 0.5, [0.5])
    case("where", "same", [a, b], lambda x, y: torch.where(x > 0, x, y), ["$2"])
    case("where", "broadcast", [rnd(6, 3, 1), rnd(7, 1, 4)], lambda x, y: torch.where(y > 0, x, y),
         ["$2"])
    case("where", "number", [a], lambda x: torch.where(x > 0, x, -2.0), [-2.0])
    save("elementwise")


def reduce():
    x = rnd(11, 2, 3, 4)
    ties = torch.tensor([[1.0, 3, 3, 2], [5, 5, 5, 5], [-1, -2, -3, -1]])
    nans = torch.tensor([[1.0, math.nan, 3], [4, 5, 6], [math.inf, math.nan, -math.inf]])
    spread = rnd(12, 2, 20) * 1e-3 + 1000.0
    forms = [("all", None, False), ("first", 0, False), ("last", -1, True), ("two", (0, 2), False),
             ("two kept", (1, 2), True), ("every", (0, 1, 2), False)]
    fns = {
        "sum": lambda t, d, k: t.sum() if d is None else t.sum(d, keepdim=k),
        "mean": lambda t, d, k: t.mean() if d is None else t.mean(d, keepdim=k),
        "amax": lambda t, d, k: t.amax() if d is None else t.amax(d, keepdim=k),
        "amin": lambda t, d, k: t.amin() if d is None else t.amin(d, keepdim=k),
        "var": lambda t, d, k: t.var() if d is None else t.var(d, keepdim=k),
        "std": lambda t, d, k: t.std() if d is None else t.std(d, keepdim=k),
        "norm": lambda t, d, k: torch.linalg.vector_norm(t, dim=d, keepdim=k),
    }

    def lua_args(d, k):
        if d is None:
            return []
        dims = [e + 1 if e >= 0 else e for e in (d if isinstance(d, tuple) else (d,))]
        return [dims if isinstance(d, tuple) else dims[0]] + ([{"keepdim": True}] if k else [])

    for name, fn in fns.items():
        for kind, d, k in forms:
            case(name, kind, [x], lambda t, f=fn, d=d, k=k: f(t, d, k), lua_args(d, k))
        case(name, "nan", [nans], lambda t, f=fn: f(t, 1, False), [2])
        case(name, "nan columns", [torch.cat([nans] * 4, 1)], lambda t, f=fn: f(t, 0, False), [1])
        case(name, "one", [ONE], lambda t, f=fn: f(t, 1, False), [2], grad=name not in ("var", "std"))
        case(name, "spread", [spread], lambda t, f=fn: f(t, 1, False), [2], grad=False,
             tolerance=2e-4)
        case(name, "spread columns", [spread.t().contiguous()], lambda t, f=fn: f(t, 0, False), [1],
             grad=False, tolerance=2e-4)
        if name not in ("amax", "amin"):
            case(name, "empty", [EMPTY], lambda t, f=fn: f(t, 0, False), [1])
        case(name, "nothing left", [EMPTY], lambda t, f=fn: f(t, 1, False), [2])
        case(name, "bfloat16", [x.to(torch.bfloat16)], lambda t, f=fn: f(t, 1, False), [2],
             grad=False, tolerance=0.008)
        case(name, "wide", [rnd(13, 2, 3, 12)], lambda t, f=fn: f(t, (0, 1), False), [[1, 2]])
        case(name, "scalar", [torch.tensor(1.5)], lambda t, f=fn: f(t, None, False), [],
             grad=name not in ("var", "std"))
    for name in ("amax", "amin"):
        case(name, "ties", [ties], lambda t, f=fns[name]: f(t, 1, False), [2])
        case(name, "ties all", [ties], lambda t, f=fns[name]: f(t, None, False), [])
    for name in ("sum", "amax", "amin"):
        case(name, "int64", [WHOLE.reshape(2, 4)], lambda t, f=fns[name]: f(t, 1, False), [2])
    case("sum", "uint8", [torch.full((300,), 255, dtype=torch.uint8)], lambda t: t.sum(), [])
    case("var", "correction", [x], lambda t: t.var(1, correction=0), [2, {"correction": 0}])
    case("norm", "zeros", [torch.zeros(2, 3)], lambda t: torch.linalg.vector_norm(t, dim=1), [2])
    case("prod", "all", [x], lambda t: t.prod(), [])
    case("prod", "dim", [x], lambda t: t.prod(1), [2])
    case("prod", "zeros", [torch.tensor([[1.0, 2, 0], [0, 3, 0], [4, 5, 6]])], lambda t: t.prod(1), [2])
    for name in ("argmax", "argmin"):
        fn = getattr(torch, name)
        case(name, "last", [x], lambda t, f=fn: f(t, 2), [3])
        case(name, "middle kept", [x], lambda t, f=fn: f(t, 1, keepdim=True), [2, {"keepdim": True}])
        case(name, "all", [x], lambda t, f=fn: f(t), [])
        case(name, "ties", [ties], lambda t, f=fn: f(t, 1), [2])
        case(name, "nan", [nans], lambda t, f=fn: f(t, 1), [2])
        case(name, "int64", [WHOLE.reshape(2, 4)], lambda t, f=fn: f(t, 1), [2])
        case(name, "bfloat16", [x.to(torch.bfloat16)], lambda t, f=fn: f(t, 1), [2])
    for name in ("max", "min"):
        fn = getattr(torch, name)
        case(name, "all", [x], lambda t, f=fn: f(t), [])
        case(name, "dim", [x], lambda t, f=fn: tuple(f(t, 1)), [2])
        case(name, "ties", [ties], lambda t, f=fn: tuple(f(t, 1)), [2])
    save("reduce")


def index():
    x = rnd(21, 3, 4, 5)
    case("reshape", "numbers", [x], lambda t: t.reshape(4, 15), [4, 15])
    case("reshape", "open", [x], lambda t: t.reshape(-1, 10), [[-1, 10]])
    case("reshape", "of a transpose", [x], lambda t: t.transpose(0, 2).reshape(20, 3), [20, 3])
    case("flatten", "all", [x], lambda t: t.flatten(), [])
    case("flatten", "from", [x], lambda t: t.flatten(1), [2])
    case("narrow", "middle", [x], lambda t: t.narrow(1, 1, 2), [2, 2, 2])
    case("narrow", "none", [x], lambda t: t.narrow(1, 1, 0), [2, 2, 0])
    case("transpose", "ends", [x], lambda t: t.transpose(0, 2), [1, 3])
    case("t", "matrix", [rnd(22, 3, 4)], lambda t: t.t(), [])
    case("permute", "all", [x], lambda t: t.permute(2, 0, 1), [3, 1, 2])
    case("expand", "more", [rnd(23, 3, 1)], lambda t: t.expand(2, 3, 4), [2, 3, 4])
    case("expand", "keep", [rnd(23, 3, 1)], lambda t: t.expand(-1, 4), [-1, 4])
    case("squeeze", "one", [rnd(24, 2, 1, 3)], lambda t: t.squeeze(1), [2])
    case("squeeze", "not one", [rnd(24, 2, 1, 3)], lambda t: t.squeeze(0), [1])
    case("squeeze", "all", [rnd(24, 1, 2, 1, 3)], lambda t: t.squeeze(), [])
    case("unsqueeze", "front", [x], lambda t: t.unsqueeze(0), [1])
    case("unsqueeze", "back", [x], lambda t: t.unsqueeze(-1), [-1])
    case("select", "middle", [x], lambda t: t.select(1, 2), [2, 3])
    case("select", "last", [x], lambda t: t.select(0, -1), [1, -1])
    case("contiguous", "transposed", [x], lambda t: t.transpose(0, 1).contiguous(), [])
    case("clone", "plain", [x], lambda t: t.clone(), [])
    case("to", "bfloat16", [x], lambda t: t.to(torch.bfloat16), ["bfloat16"])
    case("to", "int64", [GRID], lambda t: t.to(torch.int64), ["int64"], grad=False)
    case("to", "uint8 to float", [WHOLE.clamp(0).to(torch.uint8)], lambda t: t.to(torch.float32),
         ["float32"])
    case("float", "bfloat16", [x.to(torch.bfloat16)], lambda t: t.float(), [])
    many = [rnd(30 + i, 2, 1 + i % 3, 2) for i in range(7)]
    case("cat", "two", [x, rnd(25, 3, 2, 5)], lambda *t: torch.cat(t, 1), [2])
    case("cat", "many", many, lambda *t: torch.cat(t, 1), [2])
    case("cat", "with empty", [rnd(26, 2, 0), rnd(27, 2, 3)], lambda *t: torch.cat(t, 1), [2])
    case("stack", "front", [rnd(28, 2, 3), rnd(29, 2, 3), rnd(30, 2, 3)],
         lambda *t: torch.stack(t, 0), [1])
    case("stack", "back", [rnd(28, 2, 3), rnd(29, 2, 3)], lambda *t: torch.stack(t, -1), [-1])
    i = torch.tensor([[[0, 2, 0, 1, 1], [2, 2, 2, 0, 0]]])
    case("gather", "first", [x, i], lambda t, j: t.gather(0, j), [1, "$2"])
    i = torch.tensor([[0, 0, 3], [2, 2, 2]])
    case("gather", "last", [rnd(31, 2, 4), i], lambda t, j: t.gather(1, j), [2, "$2"])
    case("gather", "smaller", [rnd(32, 3, 4), i[:1, :2]], lambda t, j: t.gather(1, j), [2, "$2"])
    case("gather", "labels", [torch.arange(10), torch.tensor([3, 3, 9])], lambda t, j: t.gather(0, j),
         [1, "$2"])
    j = torch.tensor([2, 0, 2, 2, 1])
    case("index_select", "rows", [x, j], lambda t, k: t.index_select(0, k), [1, "$2"])
    case("index_select", "columns", [x, j], lambda t, k: t.index_select(2, k), [3, "$2"])
    case("index_select", "none", [x, j[:0]], lambda t, k: t.index_select(1, k), [2, "$2"])
    case("topk", "last", [x], lambda t: t.topk(3, -1), [3])
    case("topk", "middle", [x], lambda t: t.topk(2, 1), [2, 2])
    case("topk", "smallest", [x], lambda t: t.topk(2, 2, largest=False), [2, 3, {"largest": False}])
    case("topk", "nan", [torch.tensor([[1.0, math.nan, 3], [math.inf, 2, -math.inf]])],
         lambda t: t.topk(2, 1), [2, 2])
    case("topk", "int64", [torch.tensor([4, 9, -3, 7])], lambda t: t.topk(2), [2])
    save("index")


unary()
binary()
reduce()
index()
