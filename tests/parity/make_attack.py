"""Reference values of tests/attacks: a small trained network, images, and what PyTorch's optimiser
makes of them. Writes tests/parity/attack/attack.safetensors.

    python tests/parity/make_attack.py
"""

import os
import sys

import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from attack_loops import adam_attack, pgd_attack  # noqa: E402

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "attack", "attack.safetensors")
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


def network():
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(16 * 9, 10))


def images(n, generator):
    """Ten classes of coloured stripes with noise, 12 x 12."""
    y = torch.randint(0, 10, (n,), generator=generator)
    ramp = torch.arange(12.0)
    colour = torch.stack([(y % 3) / 2, (y % 4) / 3, (y % 5) / 4], 1)[:, :, None, None]
    wave = torch.sin(ramp[None, :] * (1 + y[:, None]) / 4)[:, None, None, :]
    x = 0.2 + 0.5 * colour + 0.15 * wave + 0.25 * torch.rand(n, 3, 12, 12, generator=generator)
    return (x.clamp(0, 1) * 255).round() / 255, y


def normalize(x):
    return (x - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


def train(net, generator):
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(60):
        x, y = images(64, generator)
        loss = F.cross_entropy(net(normalize(x)), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


def main():
    from safetensors.torch import save_file

    torch.manual_seed(0)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    generator = torch.Generator().manual_seed(1)
    net = network()
    print("loss after training", train(net, generator))
    net.eval().requires_grad_(False)
    x, y = images(6, generator)
    target = (y + torch.arange(6) + 1) % 10
    out = {"net." + k: v for k, v in net.state_dict().items()}
    out.update(images=x, labels=y, targets=target)

    def model(v):
        return net(normalize(v))

    for name, options in {
        "logprob": {}, "prob": {"objective": "prob"}, "margin": {"objective": "margin"},
        "free": {"clamp": False, "lr": 2e-2},
    }.items():
        _, _, trace = adam_attack(model, x, target, max_iter=5, threshold=2, keep=True, **options)
        out["trace." + name] = torch.stack(trace if name == "logprob" else trace[-1:])
    to_pixels = (torch.tensor(STD)[:, None, None], torch.tensor(MEAN)[:, None, None])
    _, _, trace = adam_attack(net, normalize(x), target, max_iter=5, threshold=2, keep=True,
                              clamp=False)
    out["trace.norm"] = trace[-1][None] * to_pixels[0] + to_pixels[1]
    adversary, steps, p = adam_attack(model, x, target, max_iter=60, lr=5e-3,
                                      threshold=0.95)
    out["full.adversary"], out["full.steps"], out["full.prob"] = adversary, steps, p
    print("steps", steps.tolist(), "p", [round(v, 3) for v in p.tolist()])
    for norm, eps, alpha in (("linf", 8 / 255, 2 / 255), ("l2", 0.5, 0.125)):
        out["fgsm." + norm] = pgd_attack(model, x, y, eps=eps, alpha=eps, steps=1, norm=norm)
        out["pgd." + norm] = pgd_attack(model, x, y, eps=eps, alpha=alpha, steps=7, norm=norm)
        out["pgd_targeted." + norm] = pgd_attack(model, x, target, eps=eps, alpha=alpha, steps=7,
                                                 norm=norm, targeted=True)
    save_file({k: v.contiguous() for k, v in out.items()}, OUT)
    print(os.path.getsize(OUT), "bytes")


if __name__ == "__main__":
    main()
