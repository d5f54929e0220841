"""Writes tests/parity/summary/*.txt: what torchinfo 1.8.0 prints for the models of the specs.

torchinfo names the unit of its mult-adds wrongly under Python 3.11 and later ("Units.GIGABYTES");
that one word is put right here.
"""
import pathlib

import torch
import torchinfo
import torchvision
from torch import nn

OUT = pathlib.Path(__file__).parent / "summary"
ALL = ["input_size", "output_size", "num_params", "params_percent", "kernel_size", "mult_adds", "trainable"]
FOUR = ["input_size", "output_size", "num_params", "trainable"]


class VGG16BN(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = torchvision.models.vgg16_bn().features
        self.avgpool = nn.Identity()
        self.classifier = nn.Sequential(
            nn.Linear(512, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 10))

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


class NullModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.block1 = nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.block2 = nn.Sequential(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(4096, 128), nn.ReLU(), nn.Linear(128, 10))

    def forward(self, x):
        return self.head(self.block2(self.block1(x)))


class Shared(nn.Module):
    """A layer that runs twice, a parameter of a container, a frozen and a half-frozen part."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8))
        self.twice = nn.Conv2d(8, 8, 1)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))
        for p in self.stem.parameters():
            p.requires_grad_(False)
        self.head[2].bias.requires_grad_(False)

    def forward(self, x):
        return self.head(self.twice(self.twice(self.stem(x))) * self.scale)


def write(name, model, batch, columns, depth=5):
    text = str(torchinfo.summary(model, (batch, 3, 32, 32), col_names=columns, depth=depth, verbose=0,
                                 device="cpu", mode="train"))
    for unit, letter in (("MEGABYTES", "M"), ("GIGABYTES", "G"), ("TERABYTES", "T")):
        text = text.replace("Units." + unit, letter)
    (OUT / (name + ".txt")).write_text(text + "\n")


OUT.mkdir(exist_ok=True)
torch.manual_seed(0)
write("vgg16_bn_1", VGG16BN(), 1, FOUR)
write("vgg16_bn_128", VGG16BN(), 128, ALL)
write("vgg16_bn_depth1", VGG16BN(), 2, FOUR, depth=1)
write("null_32", NullModel(), 32, FOUR)
write("null_128", NullModel(), 128, ALL)
write("shared_4", Shared(), 4, ALL)
write("shared_depth1", Shared(), 4, ALL, depth=1)
