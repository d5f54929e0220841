"""Ten-step traces of PyTorch's optimisers, clipping, and learning-rate schedules. Writes optim.json.
Gradients are stored: step i uses grads[i]; null means the parameter has none in that step."""
import json
import pathlib
import warnings

import torch

warnings.filterwarnings("ignore")
torch.manual_seed(3)
HERE = pathlib.Path(__file__).parent
SHAPES = [(3, 4), (5,), (2, 3, 2, 2), (1,)]
STEPS = 10


def pack(t):
    return {"shape": list(t.shape), "values": [float(f"{v:.9g}") for v in t.reshape(-1).tolist()]}


START = [torch.randn(s) for s in SHAPES]
GRADS = [[torch.randn(s) * 10 ** (i % 3 - 1) for s in SHAPES] for i in range(STEPS)]


def trace(make, groups=None, late=False, clip=None):
    """late: parameter 2 gets its first gradient in step 4 (its own step count), 4 never has one."""
    params = [t.clone().requires_grad_() for t in START]
    opt = make(groups(params) if groups else params)
    out = []
    for i in range(STEPS):
        for j, p in enumerate(params):
            p.grad = GRADS[i][j].clone()
            if late and ((j == 1 and i < 3) or j == 3):
                p.grad = None
        norm = None
        if clip and clip[0] == "norm":
            norm = torch.nn.utils.clip_grad_norm_(params, clip[1]).item()
        if clip and clip[0] == "value":
            torch.nn.utils.clip_grad_value_(params, clip[1])
        opt.step()
        if i in (0, 1, 4, 9):
            out.append({"step": i + 1, "norm": norm, "params": [pack(p.detach()) for p in params]})
    state = {}
    for j, p in enumerate(params):
        for key, value in opt.state.get(p, {}).items():
            if torch.is_tensor(value) and value.dim() > 0:
                state[f"{key}.{j + 1}"] = pack(value)
    return {"trace": out, "state": state}


O = torch.optim
two = lambda ps: [{"params": ps[:2], "lr": 0.1}, {"params": ps[2:], "weight_decay": 0.3}]
runs = {
    "Adam": trace(lambda ps: O.Adam(ps, lr=1e-3)),
    "Adam lr 0.1 decay 0.01": trace(lambda ps: O.Adam(ps, lr=0.1, weight_decay=0.01)),
    "Adam betas eps": trace(lambda ps: O.Adam(ps, lr=0.01, betas=(0.5, 0.9), eps=1e-3)),
    "Adam late": trace(lambda ps: O.Adam(ps, lr=0.01), late=True),
    "Adam groups": trace(lambda ps: O.Adam(ps, lr=0.01), groups=two),
    "AdamW": trace(lambda ps: O.AdamW(ps, lr=0.01)),
    "AdamW decay 0.2": trace(lambda ps: O.AdamW(ps, lr=0.05, weight_decay=0.2)),
    "SGD": trace(lambda ps: O.SGD(ps, lr=0.1)),
    "SGD decay": trace(lambda ps: O.SGD(ps, lr=0.1, weight_decay=0.1)),
    "SGD momentum": trace(lambda ps: O.SGD(ps, lr=0.05, momentum=0.9)),
    "SGD dampening": trace(lambda ps: O.SGD(ps, lr=0.05, momentum=0.9, dampening=0.3)),
    "SGD nesterov": trace(
        lambda ps: O.SGD(ps, lr=0.05, momentum=0.8, nesterov=True, weight_decay=0.01)),
    "SGD late": trace(lambda ps: O.SGD(ps, lr=0.05, momentum=0.9, dampening=0.1), late=True),
    "Adam clip norm 1": trace(lambda ps: O.Adam(ps, lr=0.01), clip=("norm", 1.0)),
    "Adam clip norm 1000": trace(lambda ps: O.Adam(ps, lr=0.01), clip=("norm", 1000.0)),
    "Adam clip value 0.1": trace(lambda ps: O.Adam(ps, lr=0.01), clip=("value", 0.1)),
}


def rates(make, steps, lr=0.1, kind=O.SGD, **kw):
    ps = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    opt = kind([{"params": ps[:1]}, {"params": ps[1:], "lr": lr / 4}], lr=lr, **kw)
    s = make(opt)
    rows = []
    for i in range(steps):
        g = opt.param_groups
        m = g[0]["betas"][0] if "betas" in g[0] else g[0]["momentum"]
        rows.append([g[0]["lr"], g[1]["lr"], m])
        opt.step()
        if i + 1 < steps:
            s.step()
    return [[float(f"{v:.12g}") for v in r] for r in rows]


L = O.lr_scheduler
schedules = {
    "cosine": rates(lambda o: L.CosineAnnealingLR(o, T_max=20, eta_min=0.001), 30),
    "onecycle": rates(lambda o: L.OneCycleLR(o, max_lr=0.4, total_steps=37), 37, momentum=0.9),
    "onecycle adam": rates(lambda o: L.OneCycleLR(o, max_lr=[0.4, 0.2], total_steps=20,
                           pct_start=0.25, div_factor=10, final_div_factor=100), 20, kind=O.Adam),
    "onecycle linear three": rates(lambda o: L.OneCycleLR(o, max_lr=0.4, total_steps=50,
                                   anneal_strategy="linear", three_phase=True, pct_start=0.2),
                                   50, momentum=0.9),
    "step": rates(lambda o: L.StepLR(o, step_size=4, gamma=0.3), 15),
    "multistep": rates(lambda o: L.MultiStepLR(o, milestones=[3, 5, 11], gamma=0.5), 15),
    "exponential": rates(lambda o: L.ExponentialLR(o, gamma=0.9), 15),
    "warmup": rates(lambda o: L.LinearLR(o, start_factor=0.1, total_iters=6), 10),
    "warmup cosine": rates(lambda o: L.SequentialLR(o, [
        L.LinearLR(o, start_factor=0.05, total_iters=5), L.CosineAnnealingLR(o, T_max=15)],
        milestones=[5]), 20),
}

data = {"torch": torch.__version__, "start": [pack(t) for t in START],
        "grads": [[pack(g) for g in row] for row in GRADS], "runs": runs, "schedules": schedules}
(HERE / "optim.json").write_text(json.dumps(data, separators=(",", ":")) + "\n")
