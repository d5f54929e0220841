"""Do torchvision and timm load what vgg.save writes, with strict=True, and compute the same?

    vgglua tests/parity/dump_logits.lua DIR
    python tests/parity/compare_logits.py DIR
"""
import os
import sys

import safetensors.torch
import torch
import torchvision

folder = sys.argv[1]


def read(name):
    path = os.path.join(folder, name)
    if name.endswith(".safetensors"):
        return safetensors.torch.load_file(path)
    return torch.load(path, weights_only=True)


def compare(what, model, x, y):
    model.eval()
    with torch.no_grad():
        off = (model(x) - y).abs().max().item()
    print(f"{what}: largest logit {y.abs().max():.3f}, largest difference {off:.2e}")
    assert off < 1e-5


values = read("imagenet_values.safetensors")
for name in ("imagenet.pth", "imagenet_legacy.pth", "imagenet.safetensors"):
    model = torchvision.models.vgg16_bn()
    model.load_state_dict(read(name), strict=True)
    compare(f"torchvision vgg16_bn, strict, {name}", model, values["x"], values["y"])

values = read("cifar_values.safetensors")
for name in ("cifar.pth", "cifar_legacy.pth", "cifar.safetensors"):
    state = read(name)
    model = torchvision.models.vgg16_bn()
    model.features.load_state_dict({k[9:]: v for k, v in state.items() if k.startswith("features.")},
                                   strict=True)
    model.avgpool = torch.nn.Identity()
    model.classifier = torch.nn.Sequential(
        torch.nn.Linear(512, 4096), torch.nn.ReLU(), torch.nn.Linear(4096, 4096), torch.nn.ReLU(),
        torch.nn.Linear(4096, 10))
    model.load_state_dict(state, strict=True)
    compare(f"vgg16_bn for CIFAR, strict, {name}", model, values["x"], values["y"])
try:
    import timm
except ImportError:
    print("timm is not installed: left out")
else:
    state = read("imagenet.pth")
    model = timm.create_model("vgg16_bn", pretrained=False)
    # timm's own conversion of torchvision's classifier
    state = timm.models.vgg._filter_fn(state)
    model.load_state_dict(state, strict=True)
    values = read("imagenet_values.safetensors")
    compare("timm vgg16_bn, strict, imagenet.pth", model, values["x"], values["y"])
