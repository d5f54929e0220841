"""Turns a checkpoint of VGG16BN into a file shaped like torchvision's vgg16_bn-6c64b313.pth: legacy
serialisation, no num_batches_tracked, the classifier 25088-4096-4096-1000 with random weights.

    python tests/parity/make_standin.py runs/x/best.safetensors standin.pth

It stands in for the ImageNet file where that cannot be had; tests/parity/standin.sh uses it.
"""

import sys

import torch
from safetensors.torch import load_file
from torchvision.models import vgg16_bn

source, target = sys.argv[1:3]
torch.manual_seed(0)
model = vgg16_bn()
body = {k[len("features.") :]: v for k, v in load_file(source).items() if k.startswith("features.")}
model.features.load_state_dict(body, strict=True)
state = {k: v for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}
torch.save(state, target, _use_new_zipfile_serialization=False)
print(f"{target}: {len(state)} tensors, {sum(v.numel() for v in state.values()):,} values")
