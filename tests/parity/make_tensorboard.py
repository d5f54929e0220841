"""Records as TensorBoard's own classes write them, for tests/log/tensorboard_spec.lua.

    python tests/parity/make_tensorboard.py      # needs tensorboard; writes tensorboard.tfevents
"""
import io
import os

from tensorboard.compat.proto import event_pb2, graph_pb2, summary_pb2, tensor_pb2, types_pb2
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

WALL = 1700000000
out = io.BytesIO()
writer = RecordWriter(out)


def event(step=0, **fields):
    e = event_pb2.Event(wall_time=WALL, step=step, **fields)
    writer.write(e.SerializeToString(deterministic=True))


def summary(step, *values):
    event(step, summary=summary_pb2.Summary(value=list(values)))


def plugin(step, tag, name, content, tensor):
    data = summary_pb2.SummaryMetadata.PluginData(plugin_name=name, content=content)
    summary(step, summary_pb2.Summary.Value(
        tag=tag, tensor=tensor, metadata=summary_pb2.SummaryMetadata(plugin_data=data)))


Value = summary_pb2.Summary.Value
event(file_version="brain.Event:2")
summary(7, Value(tag="val/loss", simple_value=0.1))
summary(2 ** 40, Value(tag="zero", simple_value=0.0))
summary(1, Value(tag="odd", simple_value=float("inf")))
summary(3, Value(tag="train/confmat", image=summary_pb2.Summary.Image(
    height=3, width=500, colorspace=3, encoded_image_string=b"\x89PNG" + bytes(range(256)) * 80)))
summary(4, Value(tag="weights", histo=summary_pb2.HistogramProto(
    min=-1.5, max=2.5, num=6, sum=3.25, sum_squares=9.5,
    bucket_limit=[-0.5, 0.5, 2.5], bucket=[1, 2, 3])))
one = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, string_val=["pred: Käfer".encode()])
one.tensor_shape.dim.add(size=1)
plugin(5, "val/samples_labels", "text", b"", one)

Hparams = plugin_data_pb2.HParamsPluginData
null = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, float_val=[0.0])
null.tensor_shape.SetInParent()
experiment = api_pb2.Experiment()
for name, kind in (("augment", 1), ("dropout", 2), ("lr", 3)):
    experiment.hparam_infos.add(name=name, type=kind)
for tag in ("val/acc", "val/loss"):
    experiment.metric_infos.add().name.tag = tag
plugin(0, "_hparams_/experiment", "hparams",
       Hparams(experiment=experiment).SerializeToString(deterministic=True), null)
start = plugin_data_pb2.SessionStartInfo(group_name="first", start_time_secs=1700000000)
start.hparams["augment"].string_value = "dlcv"
start.hparams["dropout"].bool_value = False
start.hparams["lr"].number_value = 1e-3
plugin(0, "_hparams_/session_start_info", "hparams",
       Hparams(session_start_info=start).SerializeToString(deterministic=True), null)
plugin(9, "_hparams_/session_end_info", "hparams", Hparams(
    session_end_info=plugin_data_pb2.SessionEndInfo(status=2, end_time_secs=1700000000)
).SerializeToString(), null)

layout = layout_pb2.Layout()
category = layout.category.add(title="training")
category.chart.add(title="loss").multiline.tag.extend(["train/loss", "val/loss"])
category.chart.add(title="rate").multiline.tag.extend(["lr-.*"])
scalar = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, string_val=[layout.SerializeToString()])
scalar.tensor_shape.SetInParent()
plugin(0, "custom_scalars__config__", "custom_scalars", b"", scalar)

event(42, session_log=event_pb2.SessionLog(status=event_pb2.SessionLog.START))
graph = graph_pb2.GraphDef()
graph.node.add(name="input", op="Placeholder")
event(graph_def=graph.SerializeToString())

path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tensorboard.tfevents")
with open(path, "wb") as f:
    f.write(out.getvalue())
print(path, len(out.getvalue()), "bytes")
