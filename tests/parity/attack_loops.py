"""The attacks written plainly in PyTorch: what ours are compared with."""

import torch
from torch.nn import functional as F


def objective_of(name):
    """Sum over the batch of what an attack towards the classes makes smaller."""
    def logprob(z, t):
        return F.cross_entropy(z, t, reduction="sum")

    def prob(z, t):
        return -z.softmax(1).gather(1, t[:, None]).sum()

    def margin(z, t):
        own = z.gather(1, t[:, None])[:, 0]
        other = z.masked_fill(F.one_hot(t, z.shape[1]).bool(), -1e30).amax(1)
        return (other - own).clamp(min=0).sum()

    return {"logprob": logprob, "prob": prob, "margin": margin}[name]


def adam_attack(model, x, target, lr=1e-3, max_iter=100, threshold=0.99, objective="logprob",
                clamp=True, keep=False, bounds=(0.0, 1.0)):
    """One batch; a row that is done is put back after every step. Returns the adversaries, and
    either the steps of each row and its p(target), or (keep) None and the images after each step."""
    loss_of = objective_of(objective)
    v = x.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([v], lr=lr)
    final, steps = x.clone(), torch.full((len(x),), max_iter)
    done = torch.zeros(len(x), dtype=torch.bool)
    trace = []
    for k in range(max_iter):
        z = model(v)
        p = z.detach().softmax(1).gather(1, target[:, None])[:, 0]
        fresh = (p > threshold) & ~done
        final[fresh], steps[fresh] = v.detach()[fresh], k
        done |= fresh
        if done.all():
            break
        optimizer.zero_grad()
        loss_of(z, target).backward()
        optimizer.step()
        if clamp:
            with torch.no_grad():
                v.clamp_(*bounds)
        if keep:
            trace.append(v.detach().clone())
    final[~done] = v.detach()[~done]
    if keep:
        return final, None, trace
    with torch.no_grad():
        p = model(final).softmax(1).gather(1, target[:, None])[:, 0]
    return final, steps, p


def row_norm(t):
    return t.flatten(1).norm(dim=1)[:, None, None, None].clamp(min=1e-12)


def pgd_attack(model, x, y, eps, alpha, steps, norm="linf", targeted=False):
    """From the image itself; steps = 1 and alpha = eps is the fast gradient sign method."""
    v = x.clone()
    for _ in range(steps):
        v.requires_grad_(True)
        loss = F.cross_entropy(model(v), y, reduction="sum")
        (g,) = torch.autograd.grad(loss if targeted else -loss, v)
        v = v.detach()
        if norm == "linf":
            v = v - alpha * g.sign()
            v = torch.min(torch.max(v, x - eps), x + eps)
        else:
            v = v - alpha * g / row_norm(g)
            delta = v - x
            v = x + delta * (eps / row_norm(delta)).clamp(max=1)
        v = v.clamp(0, 1)
    return v
