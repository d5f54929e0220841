"""Lets TensorBoard's own reader judge a run: every scalar of metrics.jsonl is in the event files
with its value (as a float), pictures are PNGs of the size they claim, texts and hyper-parameters
are there.

    python tests/parity/check_tensorboard.py runs/NAME     # needs tensorboard and pillow
"""
import io
import json
import os
import struct
import sys

from PIL import Image
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.hparams import plugin_data_pb2

run = sys.argv[1]
where = json.load(open(os.path.join(run, "tensorboard.json")))["dir"]
reader = event_accumulator.EventAccumulator(
    where, size_guidance={k: 0 for k in event_accumulator.DEFAULT_SIZE_GUIDANCE})
reader.Reload()
tags = reader.Tags()
problems = []


def single(v):
    return struct.unpack("f", struct.pack("f", v))[0]


def expect(ok, text):
    if not ok:
        problems.append(text)


scalars = {tag: {} for tag in tags["scalars"]}
for tag in tags["scalars"]:
    for e in reader.Scalars(tag):
        expect(e.step not in scalars[tag], f"{tag}: two values at step {e.step}")
        scalars[tag][e.step] = e.value
compared, at = 0, 0
for line in open(os.path.join(run, "metrics.jsonl")):
    row = json.loads(line)
    at = row.get("step", at) if row["type"] in ("step", "epoch") else at
    values = row.get("best", {}) if row["type"] == "summary" else row
    if row["type"] not in ("step", "epoch", "test", "summary"):
        continue
    for key, v in values.items():
        if isinstance(v, bool) or not isinstance(v, (int, float)) or key in ("step", "batch"):
            continue
        if key == "epoch" and row["type"] not in ("step", "epoch"):
            continue
        if row.get("checkpoint") == "last":
            key = key.replace("test/", "test_last/")
        got = scalars.get(key, {}).get(at)
        expect(got is not None and got == single(v), f"{key} at {at}: wrote {v}, read {got}")
        compared += 1
pictures = 0
for tag in tags["images"]:
    for e in reader.Images(tag):
        image = Image.open(io.BytesIO(e.encoded_image_string))
        image.load()
        expect((image.width, image.height) == (e.width, e.height), f"{tag}: size")
        pictures += 1
for stage in ("train", "val", "test"):
    for kind in ("confmat", "samples"):
        expect(f"{stage}/{kind}" in tags["images"], f"no picture {stage}/{kind}")
    text = reader.Tensors(f"{stage}/samples_labels")[0].tensor_proto.string_val[0].decode()
    expect(text.startswith("1. pred: "), f"{stage}/samples_labels: {text[:40]}")
flags = json.load(open(os.path.join(run, "config.json")))["flags"]
data = plugin_data_pb2.HParamsPluginData.FromString(
    reader.SummaryMetadata("_hparams_/session_start_info").plugin_data.content)
for name, value in data.session_start_info.hparams.items():
    v = getattr(value, value.WhichOneof("kind"))
    want = flags[name]
    want = ",".join(map(str, want)) if isinstance(want, list) else want
    want = "inf" if want == "Infinity" else want
    same = v == want and not isinstance(v, float) or float(v) == float(want)
    expect(same, f"flag {name}: {want}, {v}")
expect(tags["graph"], "no graph")
print(f"{where}: {compared} scalars, {pictures} pictures, "
      f"{len(data.session_start_info.hparams)} flags compared, {len(problems)} problems")
for p in problems[:20]:
    print("  " + p)
sys.exit(1 if problems else 0)
