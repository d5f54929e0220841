"""Times the same pipelines in Python: python tests/bench/augment.py [batch size] [batches].

albumentations 2.0.8 for dlcv, torchvision on Pillow images for course, one process (a DataLoader with w workers
takes about 1/w of it, plus the copies between processes).
"""
import sys
import time

import albumentations as A
import cv2
import numpy as np
import torch
import torchvision.transforms as T
from albumentations.pytorch import ToTensorV2
from PIL import Image

size = int(sys.argv[1]) if len(sys.argv) > 1 else 128
batches = int(sys.argv[2]) if len(sys.argv) > 2 else 10
cv2.setNumThreads(0)
mean, std = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
images = np.random.default_rng(0).integers(0, 256, (size, 32, 32, 3), dtype=np.uint8)
pictures = [Image.fromarray(i) for i in images]

dlcv = A.Compose([
    A.PadIfNeeded(36, 36, p=1), A.RandomCrop(32, 32, p=1), A.HorizontalFlip(p=0.5),
    A.ColorJitter(0.2, 0.2, 0.2, 0.1, p=0.5),
    A.CoarseDropout(num_holes_range=(1, 1), hole_height_range=(4, 8), hole_width_range=(4, 8), p=0.3),
    A.Normalize(mean, std), ToTensorV2()])
plain = A.Compose([A.Normalize(mean, std), ToTensorV2()])
course = T.Compose([
    T.RandomHorizontalFlip(), T.RandomVerticalFlip(), T.RandomRotation(10),
    T.RandomResizedCrop(32, scale=(0.8, 1.0), ratio=(0.8, 1.2)), T.ColorJitter(0.2, 0.2, 0.2, 0.2),
    T.ToTensor(), T.Normalize((0.5,) * 3, (0.5,) * 3)])

for name, one in (("none", lambda i: plain(image=images[i])["image"]),
                  ("dlcv", lambda i: dlcv(image=images[i])["image"]), ("course", lambda i: course(pictures[i]))):
    best = float("inf")
    for _ in range(batches):
        start = time.perf_counter()
        torch.stack([one(i) for i in range(size)])
        best = min(best, time.perf_counter() - start)
    print(f"{name:8} {best * 1e3:7.3f} ms a batch of {size}  {size / best:9.0f} images/s")
