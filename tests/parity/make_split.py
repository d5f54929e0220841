"""Checks the golden numbers of mission row DM5 against PyTorch and writes split.json (first and last positions
of several splits), and makes cifar-py/: tiny batches as Python's CIFAR-10 holds them, also as .tar.gz.
"""
import io
import json
import os
import pickle
import tarfile

import numpy as np
import torch
from torch.utils.data import random_split

here = os.path.dirname(os.path.abspath(__file__))
rows = []
for n, n_val, seed in ((50000, 5000, 42), (50000, 10000, 42), (50000, 10000, 0xDEADBEEF), (50000, 12345, 7),
                       (8068, 806, 42), (10, 3, 0), (7, 7, 1), (1, 0, 5)):
    train, val = random_split(range(n), [n - n_val, n_val], generator=torch.Generator().manual_seed(seed))
    t, v = list(train.indices), list(val.indices)
    rows.append({"n": n, "n_val": n_val, "seed": seed, "train_first": t[:5], "train_last": t[-3:],
                 "val_first": v[:5], "val_last": v[-3:]})
with open(os.path.join(here, "split.json"), "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n")


def records(file, n):
    i, j = np.mgrid[0:n, 1:3073]
    return ((file * 31 + i * 7 + j) % 256).astype(np.uint8), [(i + file) % 10 for i in range(n)]


names = "airplane automobile bird cat deer dog frog horse ship truck".split()
files = {"batches.meta": pickle.dumps({b"num_cases_per_batch": 10000, b"label_names": names, b"num_vis": 3072}, 2)}
for f in range(6):
    data, labels = records(f, 2 if f else 3)
    name = "data_batch_%d" % f if f else "test_batch"
    batch = {b"batch_label": b"x", b"labels": labels, b"data": data, b"filenames": [b"a.png"] * len(labels)}
    files[name] = pickle.dumps(batch, 2)
folder = os.path.join(here, "cifar-py", "cifar-10-batches-py")
os.makedirs(folder, exist_ok=True)
with tarfile.open(os.path.join(here, "cifar-py", "cifar-10-python.tar.gz"), "w:gz", compresslevel=9) as tar:
    for name, data in files.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)
        info = tarfile.TarInfo("cifar-10-batches-py/" + name)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
