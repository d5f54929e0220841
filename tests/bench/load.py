"""One measured load by PyTorch: python tests/bench/load.py FILE state|model. Prints milliseconds and
the process's peak memory in MB. model: torch.load and load_state_dict into a vgg16_bn that exists."""
import sys
import time

import torch

path, mode = sys.argv[1:3]
if path.endswith(".safetensors"):
    import safetensors.torch as st
    read = st.load_file
else:
    def read(p):
        return torch.load(p, weights_only=True)
model = None
if mode == "model":
    import torchvision
    model = torchvision.models.vgg16_bn()
start = time.perf_counter()
state = read(path)
if model is not None:
    model.load_state_dict(state, strict=True)
ms = (time.perf_counter() - start) * 1000
peak = [line for line in open("/proc/self/status") if line.startswith("VmHWM")][0].split()[1]
print(f"{ms:.1f} {int(peak) * 1024 / 1e6:.0f}")
