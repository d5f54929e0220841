#!/usr/bin/env python3
"""Writes the small files of tests/parity/io that the readers must agree on: pickles of every protocol
(also as Python 2 wrote them), and safetensors files of every element type.

    python make_safetensors.py [directory]
"""
import collections
import pickle
import struct
import sys
import tarfile
from gzip import GzipFile
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

out = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "io")
out.mkdir(parents=True, exist_ok=True)

ROWS = 3
images = (np.arange(ROWS * 3072, dtype=np.int64) * 7 % 251).astype(np.uint8).reshape(ROWS, 3072)
labels = [6, 0, 9]


def python2_batch():
    """What cPickle of Python 2 wrote for a CIFAR-10 batch (byte strings, protocol 2)."""

    def s(text):
        return b"U" + bytes([len(text)]) + text

    data = images.tobytes()
    return (
        b"\x80\x02}q\x01(" + s(b"batch_label") + b"q\x02" + s(b"training batch 1 of 5") + b"q\x03"
        + s(b"labels") + b"q\x04]q\x05(" + b"".join(b"K" + bytes([v]) for v in labels) + b"e"
        + s(b"data") + b"q\x06cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85"
        + s(b"b") + b"\x87Rq\x09(K\x01M" + struct.pack("<H", ROWS) + b"M\x00\x0c\x86cnumpy\ndtype\nq\x0a"
        + s(b"u1") + b"K\x00K\x01\x87Rq\x0b(K\x03" + s(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"
        + struct.pack("<I", len(data)) + data + b"tb" + s(b"filenames") + b"q\x0c]q\x0d("
        + b"".join(s(b"image_%d.png" % i) for i in range(ROWS)) + b"eu."
    )


def pickles():
    (out / "batch_py2.pkl").write_bytes(python2_batch())
    back = pickle.loads(python2_batch(), encoding="latin1")
    assert back["labels"] == labels and (back["data"] == images).all()
    batch = {"batch_label": "training batch 1 of 5", "labels": labels, "data": images,
             b"filenames": [f"image_{i}.png" for i in range(ROWS)]}
    values = {"none": None, "yes": True, "no": False, "small": 7, "word": 40000, "minus": -5,
              "big": 2**40 + 1, "low": -(2**63), "pi": 3.25, "text": "h\u00e9llo \u20ac \U0001f40d\n'q'", "empty": "",
              "bytes": bytes(range(256)), "list": [1, [2, [3]]], "tuple": (1, 2, 3, 4), "pair": (1, 2),
              "ordered": collections.OrderedDict([("b", 1), ("a", 2)]), "array": np.arange(6, dtype="<i4").reshape(2, 3),
              "fortran": np.asfortranarray(np.arange(6, dtype="<f4").reshape(2, 3)), "scalar": np.float32(0.5),
              "long": np.int64(-3), "buffer": bytearray(b"xyz")}
    for protocol in range(6):
        (out / f"batch_p{protocol}.pkl").write_bytes(pickle.dumps(batch, protocol))
        (out / f"values_p{protocol}.pkl").write_bytes(pickle.dumps(values, protocol))
    loop = []
    loop.append(loop)
    (out / "bad_cycle.pkl").write_bytes(pickle.dumps(loop, 2))
    deep = []
    for _ in range(200):
        deep = [deep]
    (out / "bad_deep.pkl").write_bytes(pickle.dumps(deep, 4))
    (out / "bad_system.pkl").write_bytes(b"cos\nsystem\n(S'echo owned > /tmp/owned'\ntR.")
    (out / "bad_eval.pkl").write_bytes(b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x031+1\x85R.")
    (out / "bad_object_array.pkl").write_bytes(pickle.dumps(np.array([[1], None], dtype=object), 2))
    (out / "bad_big_endian.pkl").write_bytes(pickle.dumps(np.arange(3, dtype=">i4"), 2))
    (out / "bad_set.pkl").write_bytes(pickle.dumps({1, 2}, 4))



def tars():
    names = ["short.bin", "dir/" + "n" * 120 + ".bin", "a" * 60 + "/" + "b" * 90 + ".bin", "empty.bin"]
    for form, code in (("ustar", tarfile.USTAR_FORMAT), ("gnu", tarfile.GNU_FORMAT), ("pax", tarfile.PAX_FORMAT)):
        with GzipFile(out / f"{form}.tar.gz", "wb", mtime=0) as gz, tarfile.open(fileobj=gz, mode="w", format=code) as tar:
            tar.addfile(directory())
            for i, name in enumerate(names):
                if form == "ustar" and i == 1:
                    continue  # does not fit this format
                data = bytes((7 * i + j) % 256 for j in range(0 if "empty" in name else 700 * i + 5))
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, BytesIO(data))
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(link)


def directory():
    info = tarfile.TarInfo("dir/")
    info.type = tarfile.DIRTYPE
    return info


def types():
    signed, natural = [-3, 0, 100], [3, 0, 200]
    kinds = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
             "I32": torch.int32, "I16": torch.int16, "I8": torch.int8}
    tensors = {name: torch.tensor(signed, dtype=kind) for name, kind in kinds.items()}
    for name, kind in {"U8": torch.uint8, "U16": torch.uint16, "U32": torch.uint32}.items():
        tensors[name] = torch.tensor(natural, dtype=kind)
    tensors["BOOL"] = torch.tensor([True, False])
    tensors["halves"] = torch.tensor([2.0**-24, 65504, -float("inf"), float("nan"), -0.0], dtype=torch.float16)
    save_file(tensors, out / "types.safetensors", metadata={"made": "by safetensors"})


pickles()
tars()
types()
