"""torchmetrics' values on random and awkward batches. Writes metric.json.
Scores have three decimals, so that both sides read the same floats."""
import json
import math
import pathlib
import warnings

import torch
import torchmetrics
import torchmetrics.classification as C

warnings.filterwarnings("ignore")
torch.manual_seed(11)
HERE = pathlib.Path(__file__).parent
AVERAGES = ("micro", "macro", "weighted", "none")


def plain(v):
    if isinstance(v, torch.Tensor):
        v = v.tolist()
    if isinstance(v, list):
        return [plain(x) for x in v]
    if isinstance(v, float):
        return "nan" if math.isnan(v) else float(f"{v:.8g}")
    return v


def pack(t):
    values = t.reshape(-1).tolist()
    if t.is_floating_point():
        values = [float(f"{v:.6g}") for v in values]
    return {"shape": list(t.shape), "float": t.is_floating_point(), "values": values}


def scores(*shape, probabilities=False, scale=2.0):
    x = scale * torch.randn(*shape)
    if probabilities:
        x = x.softmax(1)
    return (x * 1000).round() / 1000


def metrics(n, ignore, floats, top_k):
    kw = dict(num_classes=n, ignore_index=ignore)
    out = {}
    kinds = {"Accuracy": C.MulticlassAccuracy, "Precision": C.MulticlassPrecision,
             "Recall": C.MulticlassRecall, "F1Score": C.MulticlassF1Score,
             "Specificity": C.MulticlassSpecificity}
    for a in AVERAGES:
        for name, kind in kinds.items():
            out[f"{name} {a}"] = kind(average=a, top_k=top_k, **kw)
        out[f"FBetaScore {a}"] = C.MulticlassFBetaScore(beta=0.5, average=a, top_k=top_k, **kw)
        if top_k == 1:
            out[f"JaccardIndex {a}"] = C.MulticlassJaccardIndex(average=a, **kw)
    if top_k > 1:
        return out
    for w in ("none", "linear", "quadratic"):
        out[f"CohenKappa {w}"] = C.MulticlassCohenKappa(weights=w, **kw)
    out["MatthewsCorrCoef"] = C.MulticlassMatthewsCorrCoef(**kw)
    for norm in ("none", "true", "pred", "all"):
        out[f"ConfusionMatrix {norm}"] = C.MulticlassConfusionMatrix(normalize=norm, **kw)
    if floats:
        for norm in ("l1", "l2", "max"):
            for bins in (15, 7):
                out[f"CalibrationError {norm} {bins}"] = C.MulticlassCalibrationError(
                    n_bins=bins, norm=norm, **kw)
    return out


def case(name, n, batches, ignore=None, top_k=1):
    floats = batches[0][0].is_floating_point()
    ms = metrics(n, ignore, floats, top_k)
    for m in ms.values():
        for p, t in batches:
            m.update(p, t)
    return {"name": name, "num_classes": n, "ignore_index": ignore, "top_k": top_k,
            "batches": [[pack(p), pack(t)] for p, t in batches],
            "want": {k: plain(m.compute()) for k, m in ms.items()}}


def labels(n, size):
    return torch.randint(0, n, size if isinstance(size, tuple) else (size,))


def lt(*v):
    return torch.tensor(v, dtype=torch.long)


def biased(n, size, weights):
    return torch.multinomial(torch.tensor(weights), size, replacement=True)


def near(t, n, share):
    """labels that are right with probability `share`"""
    return torch.where(torch.rand(t.shape) < share, t, labels(n, tuple(t.shape)))


def with_ignored(t, value, share=0.3):
    return torch.where(torch.rand(t.shape) < share, torch.full_like(t, value), t)


cases = []
uneven = [(scores(k, 10), labels(10, k)) for k in (7, 64, 29)]
cases.append(case("ten classes, uneven batches", 10, uneven))
joined = [(torch.cat([p for p, _ in uneven]), torch.cat([t for _, t in uneven]))]
cases.append(case("the same as one batch", 10, joined))
t = biased(5, 150, [0.8, 0.1, 0.05, 0.04, 0.01])
cases.append(case("imbalanced labels", 5, [(near(t, 5, 0.7), t)]))
t = labels(3, 60)
cases.append(case("absent classes", 6, [(near(t, 5, 0.6), t)]))
cases.append(case("absent but predicted", 4, [(lt(3, 3, 3, 0, 1), lt(0, 0, 1, 0, 1))]))
t = labels(4, 80)
cases.append(case("ignore -1", 4, [(near(t, 4, 0.5), with_ignored(t, -1))], ignore=-1))
cases.append(case("ignore class 1", 4, [(near(t, 4, 0.5), t)], ignore=1))
cases.append(case("ignore class 1, never predicted", 3,
                  [(lt(0, 2, 0, 2, 0), lt(0, 2, 1, 1, 2))], ignore=1))
cases.append(case("ignore -100, scores", 4, [(scores(80, 4), with_ignored(t, -100))], ignore=-100))
cases.append(case("ignore 255, images", 3,
                  [(scores(2, 3, 4, 3), with_ignored(labels(3, (2, 4, 3)), 255))], ignore=255))
cases.append(case("probabilities", 6, [(scores(40, 6, probabilities=True), labels(6, 40)),
                                       (scores(9, 6, probabilities=True), labels(6, 9))]))
t = labels(3, 40)
sure = torch.nn.functional.one_hot(near(t, 3, 0.8), 3).float()
cases.append(case("sure predictions", 3, [(sure, t)]))
cases.append(case("mixed batches of logits and probabilities", 4,
                  [(scores(20, 4, probabilities=True), labels(4, 20)), (scores(20, 4), labels(4, 20))]))
cases.append(case("ties take the first", 3, [(torch.tensor([[1., 1, 0], [0, 2, 2], [3, 3, 3]]),
                                              lt(0, 1, 2))]))
cases.append(case("perfect", 3, [(lt(0, 1, 2, 2), lt(0, 1, 2, 2))]))
cases.append(case("all wrong", 3, [(lt(1, 2, 0, 0), lt(0, 1, 2, 2))]))
cases.append(case("one sample", 3, [(lt(1), lt(1))]))
cases.append(case("one class only", 3, [(lt(1, 1, 1), lt(1, 1, 1))]))
cases.append(case("everything ignored", 3, [(lt(1, 1, 1), lt(7, 7, 7))], ignore=7))
two = {"mixed": (lt(0, 1, 1, 0, 1, 0), lt(0, 1, 0, 0, 1, 1)), "perfect": (lt(0, 1), lt(0, 1)),
       "inverted": (lt(0, 1, 1), lt(1, 0, 0)), "all predicted 0": (lt(0, 0, 0), lt(0, 1, 0)),
       "all predicted 1": (lt(1, 1, 1), lt(0, 1, 0)), "all true 1": (lt(0, 1, 0), lt(1, 1, 1)),
       "all true 0": (lt(0, 1, 0), lt(0, 0, 0)), "constant right": (lt(1, 1), lt(1, 1)),
       "constant wrong": (lt(0, 0), lt(1, 1))}
for name, (p, t) in two.items():
    cases.append(case("two classes, " + name, 2, [(p, t)]))
for k in (2, 3):
    cases.append(case(f"top {k}", 5, [(scores(50, 5), biased(5, 50, [0.6, 0.2, 0.2, 0, 0]))],
                      top_k=k))
    cases.append(case(f"top {k} ignoring -1", 5,
                      [(scores(50, 5), with_ignored(labels(5, 50), -1))], ignore=-1, top_k=k))
    cases.append(case(f"top {k} ignoring class 2", 5, [(scores(50, 5), labels(5, 50))], ignore=2,
                      top_k=k))
    cases.append(case(f"top {k} images", 4, [(scores(2, 4, 3, 3), labels(4, (2, 3, 3)))], top_k=k))
cases.append(case("90 and 10", 3, [(torch.cat([torch.zeros(90), torch.ones(5), torch.zeros(5)]).long(),
                                    torch.cat([torch.zeros(90), torch.ones(10)]).long())]))
cases.append(case("90 and 10, class 2 predicted", 3,
                  [(torch.cat([torch.zeros(90), 2 * torch.ones(10)]).long(),
                    torch.cat([torch.zeros(90), torch.ones(10)]).long())]))
cases.append(case("empty row", 3, [(lt(0, 1, 0, 0), lt(0, 0, 1, 1))]))

means = []
for values, weights in (([1.0, 2.0, 4.0], [3.0, 1.0, 0.5]), ([2.5], [64.0]), ([0.0, -3.0], [72, 128])):
    m = torchmetrics.MeanMetric()
    for v, w in zip(values, weights):
        m.update(v, w)
    means.append({"values": values, "weights": weights, "want": plain(m.compute())})

data = {"torchmetrics": torchmetrics.__version__, "cases": cases, "means": means}
(HERE / "metric.json").write_text(json.dumps(data, separators=(",", ":")) + "\n")
