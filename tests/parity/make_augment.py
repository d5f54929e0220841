"""Makes augment.json and augment.bin: what albumentations 2.0.8 and torchvision (on Pillow images) give for
each operation at given parameters. The .json lists cases; images lie in the .bin, as planes (R, G, B).

Also stored: FNV-1a hashes of whole colour sweeps, and both normalisation tables.
Run: python make_augment.py (albumentations 2.0.8, albucore 0.0.24, opencv 5.0.0, Pillow 13, torchvision).
"""
import json
import os

import albumentations as A
import albumentations.augmentations.pixel.functional as P
import cv2
import numpy as np
import torch
import torchvision.transforms as T
import torchvision.transforms.functional as F
from PIL import Image

here = os.path.dirname(os.path.abspath(__file__))
blob = bytearray()
cases = []


def lcg(n, seed):
    """Bytes both sides can make: x = x * 1664525 + 1013904223, byte = x >> 24."""
    x, out = seed, np.empty(n, np.uint8)
    for i in range(n):
        x = (x * 1664525 + 1013904223) & 0xFFFFFFFF
        out[i] = x >> 24
    return out


def noise(side, seed):
    return np.ascontiguousarray(lcg(3 * side * side, seed).reshape(3, side, side).transpose(1, 2, 0))


def fnv(img):
    h = 0xCBF29CE484222325
    for b in np.ascontiguousarray(img.transpose(2, 0, 1)).tobytes():
        h = ((h ^ b) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return "%016x" % h


def put(img):
    at = len(blob)
    blob.extend(np.ascontiguousarray(img.transpose(2, 0, 1)).tobytes())
    return at


def picture(side):
    """Smooth shapes with saturated, grey, black and white areas: more like a photograph than noise."""
    y, x = np.mgrid[0:side, 0:side] / (side - 1)
    r = 255 * (0.5 + 0.5 * np.sin(6 * x + 2 * y))
    g = 255 * (0.5 + 0.5 * np.cos(5 * y - x))
    b = 255 * (x * y)
    img = np.stack([r, g, b], -1)
    q = side // 4
    img[:q, :q] = 0
    img[:q, -q:] = 255
    img[-q:, :q] = 127
    img[-q:, -q:] = [200, 10, 10]
    return img.astype(np.uint8)


inputs = {"picture32": picture(32), "noise32": noise(32, 1)}
names = {k: {"at": put(v), "side": v.shape[0]} for k, v in inputs.items()}


def case(op, src, out, whole=True, **params):
    c = {"op": op, "input": src, "params": params, "h": out.shape[0], "w": out.shape[1]}
    if src == "noise32" or not whole:
        c["fnv"] = fnv(out)
    else:
        c["at"] = put(out)
    cases.append(c)


def run(t, img):
    return A.Compose([t], seed=1)(image=img)["image"]


CV = {"brightness": P.adjust_brightness_torchvision, "contrast": P.adjust_contrast_torchvision,
      "saturation": P.adjust_saturation_torchvision, "hue": P.adjust_hue_torchvision}
PIL = {"brightness": F.adjust_brightness, "contrast": F.adjust_contrast, "saturation": F.adjust_saturation,
       "hue": F.adjust_hue}
factors = {"brightness": [0.8, 0.95, 1.0, 1.2, 0.0], "contrast": [0.8, 0.93, 1.0, 1.2, 0.0],
           "saturation": [0.8, 0.85, 1.0, 1.15, 0.0], "hue": [-0.1, -0.033, 0.0, 0.07, 0.1]}

for name, values in factors.items():
    for v in values:
        for src in inputs:
            img = inputs[src]
            case("cv_" + name, src, CV[name](img.copy(), v), whole=v == values[1], value=v)
            v2 = v * 2 if name == "hue" else v
            case("pil_" + name, src, np.array(PIL[name](Image.fromarray(img), v2)), whole=v == values[1], value=v2)

img = inputs["picture32"]
case("pad", "picture32", run(A.PadIfNeeded(36, 36, p=1), img), h=36, w=36, border="constant", fill=0)
case("pad", "picture32",
     run(A.PadIfNeeded(36, 36, border_mode=cv2.BORDER_REFLECT_101, p=1), img), h=36, w=36,
     border="reflect101", fill=0)
case("pad", "picture32", run(A.PadIfNeeded(35, 40, fill=7, p=1), img), h=35, w=40, border="constant", fill=7)
for u, v in ((0.0, 0.999), (0.5, 0.2)):
    top, left, bottom, right = [A.augmentations.crops.functional.get_crop_coords((36, 36), (32, 32), u, v)[i]
                                for i in (1, 0, 3, 2)]
    big = run(A.PadIfNeeded(36, 36, p=1), img)
    case("pad_crop", "picture32", big[top:bottom, left:right], top=top, left=left, u=u, v=v)
case("hflip", "picture32", run(A.HorizontalFlip(p=1), img))
case("vflip", "picture32", np.array(F.vflip(Image.fromarray(img))))
holes = np.array([[3, 5, 11, 9]])  # x1 y1 x2 y2
case("fill", "picture32", A.augmentations.dropout.functional.cutout(img, holes, 0, np.random.default_rng(0)),
     top=5, left=3, h=4, w=8)
for angle in (-10.0, -3.3, 0.0, 0.5, 7.77, 10.0):
    for src in ("picture32", "noise32"):
        case("rotate", src, np.array(F.rotate(Image.fromarray(inputs[src]), angle)), degrees=angle)
for top, left, h, w in ((0, 0, 32, 32), (2, 1, 29, 30), (3, 4, 27, 28), (0, 0, 32, 27), (1, 0, 30, 32)):
    for src in ("picture32", "noise32"):
        out = F.resized_crop(Image.fromarray(inputs[src]), top, left, h, w, [32, 32])
        case("resized_crop", src, np.array(out), top=top, left=left, h=h, w=w)
for n, (order, f) in enumerate((((0, 1, 2, 3), (1.17, 0.83, 1.11, -0.08)), ((3, 2, 1, 0), (0.81, 1.2, 0.9, 0.1)),
                                ((2, 0, 3, 1), (1.2, 1.2, 1.2, 0.05)))):
    a, b = inputs["picture32"], Image.fromarray(inputs["picture32"])
    for i in order:
        key = list(CV)[i]
        a, b = CV[key](a, f[i]), PIL[key](b, f[i])
    case("cv_jitter", "picture32", a, order=order, factors=f)
    case("pil_jitter", "picture32", np.array(b), order=order, factors=f)

# Sweeps: 64x64 noise through 40 factors of each operation, one hash a line.
big = noise(64, 7)
sweeps = []
for name in CV:
    for lib, fns in (("cv", CV), ("pil", PIL)):
        for k in range(40):
            v = (k - 20) / 200 if name == "hue" else 0.8 + k * 0.01 + 0.0003 * (k % 7)
            out = fns[name](big.copy() if lib == "cv" else Image.fromarray(big), v)
            sweeps.append({"op": lib + "_" + name, "value": v, "fnv": fnv(np.array(out))})

# The colour cube in steps of 5. Rows are a multiple of 32 wide throughout: OpenCV's remainder loop for other
# widths rounds its HSV inverse differently (off by one), and CIFAR's rows never reach it.
cube = np.stack(np.meshgrid(*[np.arange(0, 256, 5)] * 3, indexing="ij"), -1).astype(np.uint8).reshape(-1, 3)
cube = np.concatenate([cube, np.zeros((64 * 64 * 35 - len(cube), 3), np.uint8)]).reshape(35, 64, 64, 3)
for k in range(35):
    sweeps.append({"op": "cv_hue", "cube": k, "value": 0.0625, "fnv": fnv(P.adjust_hue_torchvision(cube[k].copy(), 0.0625))})

ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)[..., None].repeat(3, -1)
mean, std = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
tables = {}
for key, m, s in (("cifar", mean, std), ("half", (0.5,) * 3, (0.5,) * 3)):
    t = A.Normalize(mean=m, std=s)(image=ramp)["image"]
    tables["albumentations_" + key] = {"at": len(blob), "mean": m, "std": s}
    blob.extend(np.ascontiguousarray(t.reshape(256, 3).T).astype("<f4").tobytes())
    t = T.Normalize(m, s)(F.to_tensor(Image.fromarray(ramp)))
    tables["torchvision_" + key] = {"at": len(blob), "mean": m, "std": s}
    blob.extend(t.reshape(3, 256).numpy().astype("<f4").tobytes())

with open(os.path.join(here, "augment.bin"), "wb") as f:
    f.write(blob)
with open(os.path.join(here, "augment.json"), "w") as f:
    head = {"made_with": {"albumentations": A.__version__, "opencv": cv2.__version__, "torch": torch.__version__},
            "inputs": names, "tables": tables}
    f.write(json.dumps(head)[:-1] + ',\n"cases": [\n' + ",\n".join(json.dumps(c) for c in cases) + '],\n"sweeps": [\n'
            + ",\n".join(json.dumps(s) for s in sweeps) + "]}\n")
print(len(cases), "cases", len(sweeps), "sweeps", len(blob), "bytes")
