"""Writes tests/parity/torchfile/: small files of PyTorch, Lightning and safetensors in every form
that is read, and values.json, what they hold. Also files that must be refused.

    python tests/parity/make_torchfile.py
"""
import copy
import io
import json
import os
import pickle
import shutil
import struct
import warnings
import zipfile
from collections import OrderedDict

import safetensors.torch
import torch

warnings.filterwarnings("ignore")
OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "torchfile")
shutil.rmtree(OUT, ignore_errors=True)
os.makedirs(OUT)
torch.manual_seed(5)
values = {}


def path(name):
    return os.path.join(OUT, name)


def save(name, obj, legacy=False, **options):
    torch.save(obj, path(name), _use_new_zipfile_serialization=not legacy, **options)


def plain(t):
    t = t.detach()
    if t.dtype == torch.bool:
        t = t.to(torch.uint8)
    numbers = [float(x) for x in t.to(torch.float64).reshape(-1)]
    return {"shape": list(t.shape), "values": ["Infinity" if x == float("inf") else x for x in numbers]}


def note(name, tensors):
    values[name] = {k: plain(v) for k, v in tensors.items()}


# ---- every element type, scalar and empty ----
types = OrderedDict(
    f16=torch.tensor([1.0, -0.0, 65504.0, 6e-8, float("inf")], dtype=torch.float16),
    bf16=torch.tensor([[1.5, -2.25], [3e38, 2e-38]], dtype=torch.bfloat16),
    f32=torch.randn(2, 3),
    f64=torch.tensor([1 / 3, -2.5], dtype=torch.float64),
    i64=torch.tensor([-(2**40), 7]),
    i32=torch.tensor([-5, 2**31 - 1], dtype=torch.int32),
    i16=torch.tensor([-300, 300], dtype=torch.int16),
    i8=torch.tensor([-128, 127], dtype=torch.int8),
    u8=torch.tensor([0, 255], dtype=torch.uint8),
    bool=torch.tensor([True, False, True]),
    u16=torch.tensor([1, 65535], dtype=torch.uint16),
    scalar=torch.tensor(2.5),
    empty=torch.empty(0, 3),
)
no_u16 = OrderedDict((k, v) for k, v in types.items() if k != "u16")
save("types.pth", types)
save("types_legacy.pth", no_u16, legacy=True)
safetensors.torch.save_file(types, path("types.safetensors"), {"made by": "safetensors"})
for name in ("types.pth", "types.safetensors"):
    note(name, types)
note("types_legacy.pth", no_u16)

# ---- strides, offsets, shared storage, parameters ----
base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
views = OrderedDict(
    whole=base,
    transposed=base.t(),
    narrowed=base[1:3, 2:5],
    stepped=base[::2, ::3],
    row=base[2],
    column=base[:, 4],
    permuted=torch.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1),
    expanded=torch.tensor([[1.0], [2.0]]).expand(2, 5),
    channels_last=torch.randn(2, 3, 2, 2).to(memory_format=torch.channels_last),
    parameter=torch.nn.Parameter(torch.randn(3)),
)
save("views.pth", views)
save("views_legacy.pth", views, legacy=True)
for name in ("views.pth", "views_legacy.pth"):
    note(name, views)

# ---- a small network in every form ----
net = torch.nn.Sequential(
    OrderedDict(
        features=torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)),
        classifier=torch.nn.Sequential(torch.nn.Linear(16, 3)),
    )
)
net.features(torch.randn(2, 3, 4, 4))
state = copy.deepcopy(net.state_dict())  # as it is before Lightning trains it
save("net.pth", state)
save("net_legacy.pth", state, legacy=True)
save("net_p4.pt", state, pickle_protocol=4)
save("net_legacy_p4.pt", state, legacy=True, pickle_protocol=4)
safetensors.torch.save_file(state, path("net.safetensors"))
old = OrderedDict((k, v) for k, v in state.items() if "num_batches" not in k)
save("net_without_counter.pth", old, legacy=True)
save("net_wrapped.pth", {"epoch": 7, "model_state_dict": state, "best": 0.5, "optimizer": None})
save("net_parallel.pth", OrderedDict(("module." + k, v) for k, v in state.items()))
for name in ("net.pth", "net_legacy.pth", "net_p4.pt", "net_legacy_p4.pt", "net.safetensors",
             "net_wrapped.pth", "net_parallel.pth"):
    note(name, state)
note("net_without_counter.pth", old)
save("list.pt", [torch.ones(2), {"a": torch.zeros(1), 3: torch.full((1,), 3.0)}])
save("tensor.pt", torch.arange(3.0))


class Old:
    """Parameters as PyTorch 0.1 pickled them: Parameter called with a tensor of _rebuild_tensor."""

    def __init__(self, t):
        self.t = t

    def __reduce__(self):
        return torch.nn.Parameter, (self.t, True)


save("parameters_2017.pth", OrderedDict((k, Old(v)) for k, v in old.items()), legacy=True)
note("parameters_2017.pth", old)

# deflated by a zip tool
with zipfile.ZipFile(path("net.pth")) as z, \
        zipfile.ZipFile(path("net_deflated.pth"), "w", zipfile.ZIP_DEFLATED) as y:
    for i in z.infolist():
        y.writestr(i.filename, z.read(i.filename))
note("net_deflated.pth", state)

# ---- Lightning ----
import lightning  # noqa: E402


class Lit(lightning.LightningModule):
    def __init__(self, lr=1e-2, widths=(16, 3), name="née", betas=(0.9, 0.99)):
        super().__init__()
        self.save_hyperparameters()
        self.model = net
        self.register_buffer("steps", torch.zeros(1))

    def training_step(self, batch, _):
        return torch.nn.functional.cross_entropy(
            self.model.classifier(self.model.features(batch[0]).flatten(1)), batch[1])

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.hparams.lr)


data = torch.utils.data.TensorDataset(torch.randn(4, 3, 4, 4), torch.tensor([0, 1, 2, 0]))
trainer = lightning.Trainer(max_epochs=2, accelerator="cpu", logger=False,
                            enable_progress_bar=False, enable_model_summary=False,
                            enable_checkpointing=False)
lit = Lit()
trainer.fit(lit, torch.utils.data.DataLoader(data, 2))
trainer.save_checkpoint(path("lightning.ckpt"))
note("lightning.ckpt", net.state_dict())

# ---- Hugging Face's cache ----
repo = path("models--owner--net")
os.makedirs(repo + "/refs")
os.makedirs(repo + "/blobs")
os.makedirs(repo + "/snapshots/0123abcd")
open(repo + "/refs/main", "w").write("0123abcd")
shutil.copy(path("net.safetensors"), repo + "/blobs/f00d")
os.symlink("../../blobs/f00d", repo + "/snapshots/0123abcd/model.safetensors")

# ---- to be refused ----


class Evil:
    def __init__(self, fn, *args):
        self.call = fn, args

    def __reduce__(self):
        return self.call


save("bad_system.pth", {"a": Evil(os.system, "touch /tmp/vgg-was-here")})
save("bad_system_legacy.pth", {"a": Evil(os.system, "touch /tmp/vgg-was-here")}, legacy=True)
save("bad_eval.pth", {"a": Evil(eval, "1+1")})
save("bad_module.pth", net)
save("bad_sparse.pth", {"a": torch.eye(3).to_sparse()})
save("bad_complex.pth", {"a": torch.zeros(2, dtype=torch.complex64)})
torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), path("bad_torchscript.pt"))
loop = []
loop.append(loop)
save("bad_recursive.pth", {"a": loop})


def rezip(name, change, source="net.pth"):
    """A copy of a zip file with its entries changed: change(name, bytes) -> name, bytes."""
    with zipfile.ZipFile(path(source)) as z, zipfile.ZipFile(path(name), "w") as y:
        for i in z.infolist():
            n, b = change(i.filename, z.read(i.filename))
            y.writestr(n, b)


rezip("bad_big_endian.pth", lambda n, b: (n, b"big" if n.endswith("byteorder") else b))
rezip("bad_traversal.pth", lambda n, b: (n.replace("net/data/0", "net/../../etc/x"), b))
rezip("bad_short_storage.pth", lambda n, b: (n, b[:-4] if n.endswith("data/0") else b))
head = open(path("net_legacy.pth"), "rb").read()
open(path("bad_big_endian_legacy.pth"), "wb").write(
    head.replace(b"little_endianq\x02\x88", b"little_endianq\x02\x89"))

# one storage shown a million times over
rezip("bad_expanded.pth", lambda n, b: (n, b), source="views.pth")
huge = io.BytesIO()
torch.save({"a": torch.zeros(1).expand(1 << 20, 1 << 20)}, huge)
open(path("bad_expanded.pth"), "wb").write(huge.getvalue())
with zipfile.ZipFile(path("bad_bomb.pth"), "w", zipfile.ZIP_DEFLATED) as y:
    with zipfile.ZipFile(path("net.pth")) as z:
        for i in z.infolist():
            y.writestr(i.filename, z.read(i.filename))
    y.writestr("net/data/99", b"\0" * (32 << 20))
damaged = bytearray(open(path("net.pth"), "rb").read())
at = damaged.find(state["features.0.weight"].numpy().tobytes())
damaged[at] ^= 1
open(path("bad_crc.pth"), "wb").write(damaged)
# the directory claims an impossible number of entries
claims = bytearray(open(path("net.pth"), "rb").read())
end = claims.rfind(b"PK\6\6")
claims[end + 24:end + 40] = struct.pack("<QQ", 1 << 50, 1 << 50)
open(path("bad_claims.pth"), "wb").write(claims)
open(path("bad_pickle.pth"), "wb").write(pickle.dumps({"a": 1}))
open(path("bad_text.pth"), "w").write("version https://git-lfs.github.com/spec/v1\noid sha256:00\n")

json.dump(values, open(path("values.json"), "w"), separators=(",", ":"))
print(sum(os.path.getsize(os.path.join(d, f)) for d, _, fs in os.walk(OUT) for f in fs), "bytes")
