"""What the two sides of a training-step comparison share: weights and inputs that come from an integer
hash instead of a file, and the models as PyTorch builds them.

    mix(a): six 32-bit add/shift/xor rounds (Jenkins); all arithmetic modulo 2^32
    u(k, i) = (mix(mix(k + 1) + i) >> 8) / 2^23 - 1        in [-1, 1), exact in float32

Parameter number k (order of named_parameters, from 0), element i (row-major, from 0), in double, then
rounded to float32:
    weights of two or more dimensions   u * sqrt(6 / fan_in)
    weights of one dimension (norms)    1 + 0.1 u
    biases                              0.05 u
Batch number b: images 1.7 u(1000 + 10 b, i), labels mix(mix(1002 + 10 b) + i) mod 10. A few hundred weights
are then set one by one ("nudges", see make_step.py)."""
import numpy as np
import torch
import torchvision

M = np.uint32


def mix(a):
    a = np.asarray(a, dtype=np.uint32)
    with np.errstate(over="ignore"):
        a = (a + M(0x7ED55D16)) + (a << M(12))
        a = (a ^ M(0xC761C23C)) ^ (a >> M(19))
        a = (a + M(0x165667B1)) + (a << M(5))
        a = (a + M(0xD3A2646C)) ^ (a << M(9))
        a = (a + M(0xFD7046C5)) + (a << M(3))
        a = (a ^ M(0xB55A4F09)) ^ (a >> M(16))
    return a


def words(k, n):
    with np.errstate(over="ignore"):
        return mix(mix(M(k + 1)) + np.arange(n, dtype=np.uint32))


def u(k, n):
    return (words(k, n) >> M(8)).astype(np.float64) / 8388608.0 - 1.0


def set_weights(model, nudges=None):
    for k, (name, p) in enumerate(model.named_parameters()):
        v = u(k, p.numel())
        if p.dim() > 1:
            v *= np.sqrt(6.0 / (p.numel() / p.shape[0]))
        else:
            v = 1.0 + 0.1 * v if name.endswith("weight") else 0.05 * v
        p.data.copy_(torch.from_numpy(v).view(p.shape))
        for i, value in (nudges or {}).get(name, []):
            p.data.view(-1)[i] = value


def batch(n, b):
    x = torch.from_numpy(1.7 * u(1000 + 10 * b, n * 3072)).float().view(n, 3, 32, 32)
    y = torch.from_numpy((words(1001 + 10 * b, n) % M(10)).astype(np.int64))
    return x, y


def head(widths, dropout):
    layers = []
    for a, b in zip(widths, widths[1:]):
        if layers:
            layers.append(torch.nn.ReLU())
            if dropout:
                layers.append(torch.nn.Dropout(dropout))
        layers.append(torch.nn.Linear(a, b))
    return torch.nn.Sequential(*layers)


def vgg16_bn(head_kind="full", dropout=0.0):
    model = torchvision.models.vgg16_bn()
    model.avgpool = torch.nn.Identity()
    model.classifier = head([512, 4096, 4096, 10] if head_kind == "full" else [512, 10], dropout)
    return model


class CIFAR10Net(torch.nn.Module):
    def __init__(self, batchnorm=False, dropout=0.0):
        super().__init__()
        layers, channels = [], 3
        for entry in [64, 64, 0, 128, 128, 0, 256, 256, 256, 0] + [512] * 6 + [0]:
            if entry == 0:
                layers.append(torch.nn.MaxPool2d(2, 2))
                if dropout:
                    layers.append(torch.nn.Dropout(dropout))
            else:
                layers.append(torch.nn.Conv2d(channels, entry, 3, padding=1))
                if batchnorm:
                    layers.append(torch.nn.BatchNorm2d(entry))
                layers.append(torch.nn.ReLU())
                channels = entry
        self.features = torch.nn.Sequential(*layers)
        self.classifier = head([2048, 4096, 4096, 10], dropout)

    def forward(self, x):
        return self.classifier(torch.flatten(self.features(x), 1))


MODELS = {"vgg16_bn": vgg16_bn, "cifar10net": lambda: CIFAR10Net(batchnorm=True)}
BATCH = 8
