"""Compares what a W&B server receives from us with what it receives from the official client.

    /path/to/python compare_wandb.py BUILD_DIR [--write]

with `wandb`, `numpy` and `pillow` installed for that Python. BUILD_DIR holds vgglua and wandbstub. The
calls of wandb_calls.py and wandb_calls.lua are made offline (then `wandb sync`, the official tool, uploads
both) and online, each against a server of its own; the two request logs are reduced to what arrived and
compared field by field. A difference that the list below does not explain ends with status 1. --write
stores the list of differences beside this file as wandb_differences.md.
"""
import base64
import fnmatch
import hashlib
import io
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import zlib
import urllib.parse
import urllib.request

import yaml
from PIL import Image

HERE = pathlib.Path(__file__).resolve().parent

# Pattern of a field -> why the two may differ there.
REASONS = [
    ("run.program", "the program is another file; `wandb sync` gives its own name"),
    ("config._wandb.cli_version", "no Python client wrote this"),
    ("config._wandb.python_version", "there is no Python"),
    ("config._wandb.t.*", "other features were used; 56 is W&B's own flag for a C library; no Python"),
    ("config._wandb.e.*", "the machine is described by another program: no Python, but CPU and memory, "
                          "which the official client sends only with its system monitor"),
    ("files.wandb-metadata.json.*", "as config._wandb.e"),
    ("*requirements.txt", "a list of Python packages"),
    ("files.config.yaml._wandb.cli_version", "no Python client wrote this"),
    ("files.config.yaml._wandb.python_version", "there is no Python"),
    ("files.config.yaml._wandb.t.*", "as config._wandb.t"),
    ("files.config.yaml._wandb.e.*", "as config._wandb.e"),
    ("files.output.log*", "the console of the official run is off in this comparison"),
    ("history.*._timestamp", "time"), ("history.*._runtime", "time"),
    ("summary._timestamp", "time"), ("summary._runtime", "time"), ("summary._wandb.runtime", "time"),
    ("files.wandb-summary.json._timestamp", "time"), ("files.wandb-summary.json._runtime", "time"),
    ("files.wandb-summary.json._wandb.runtime", "time"),
    ("artifacts.*.manifest.*.local_path", "where the file was on this machine"),
    ("artifacts.*.manifest.*.skip_cache", "our files need not be copied into the tool's cache"),
    ("artifacts.*.manifest.media/images/*", "other bytes, same pixels: another PNG encoder"),
    ("artifacts.*.digest", "follows from the digests of its files"),
    ("artifacts.*.manifest.*.digest", "the official client puts blanks between the tokens of its JSON; names "
                                      "of images are sums of PNG bytes"),
    ("artifacts.*.manifest.*.size", "as digest"),
]


def pixels(data):
    """Sum of an image's pixels: files of different encoders compare equal."""
    image = Image.open(io.BytesIO(data))
    return "pixels " + hashlib.md5(image.mode.encode() + image.tobytes()).hexdigest()[:12]


class Log:
    """The requests of one directory of the stub."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.requests = [json.loads(line) for line in open(self.directory / "requests.jsonl")]
        self.names = {}  # text that is different in every run -> what it stands for
        self.learn()

    def blob(self, request):
        return (self.directory / request["blob"]).read_bytes()

    def puts(self):
        for r in self.requests:
            if r["method"] == "PUT" and r["fate"] == "served":
                yield urllib.parse.unquote(r["path"].removeprefix("/storage/")), self.blob(r)

    def operations(self, name):
        return [r["body"]["variables"] for r in self.requests
                if r["op"] == name and r["fate"] == "served"]

    def learn(self):
        for path, data in self.puts():
            if path.endswith(".png"):
                seen = pixels(data)
                sha = hashlib.sha256(data).hexdigest()
                self.names[sha] = seen
                self.names[sha[:20]] = seen
                self.names[hashlib.md5(data).hexdigest()[:20]] = seen
                self.names[f"size of {sha}"] = seen
        for v in self.operations("CreateArtifact"):
            i = v["input"]
            self.names[i["clientID"]] = "client id of " + i["artifactCollectionName"]
            self.names[i["sequenceClientID"]] = "sequence id of " + i["artifactCollectionName"]
        for v in self.operations("UpsertBucket"):
            for writer in json.loads(v["config"] or "{}").get("_wandb", {}).get("value", {}).get("e", {}):
                self.names[writer] = "WRITER"

    def plain(self, value):
        """The value with names in place of sums and random ids."""
        if isinstance(value, str):
            for text, name in self.names.items():
                value = value.replace(text, name)
            return value
        if isinstance(value, list):
            return [self.plain(x) for x in value]
        if isinstance(value, dict):
            out = {self.plain(k): self.plain(v) for k, v in value.items()}
            if str(out.get("sha256", "")).startswith("pixels"):
                out.pop("size", None)
            return out
        if isinstance(value, float) and value != value:
            return "NaN"
        return value

    def config(self, config):
        metrics = config["_wandb"]["value"]["m"]
        for m in metrics:  # the order of the list is nobody's business
            if "5" in m:
                m["5"] = metrics[m["5"] - 1].get("1")
        config["_wandb"]["value"]["m"] = {m.get("1") or m.get("2"): m for m in metrics}
        return self.plain({k: v["value"] for k, v in config.items()})

    def run(self):
        out, config = {}, {}
        for v in self.operations("UpsertBucket"):
            out.update({k: x for k, x in v.items() if x is not None and k not in ("config", "entity", "id")})
            config = json.loads(v["config"]) if v["config"] else config
        return out, self.config(config)

    def stream(self):
        lines, out = {}, {"complete": None, "exitcode": None, "uploaded": set()}
        for r in self.requests:
            if not r["path"].endswith("/file_stream") or r["fate"] != "served":
                continue
            out["uploaded"].update(r["body"].get("uploaded") or [])
            for key in ("complete", "exitcode"):
                out[key] = r["body"].get(key, out[key])
            for name, part in r["body"].get("files", {}).items():
                for i, line in enumerate(part["content"]):
                    at = part["offset"] + i
                    if name == "wandb-history.jsonl":
                        assert at not in lines.get(name, {}), f"row {at} twice"
                    lines.setdefault(name, {})[at] = line
        out["uploaded"] = {self.plain(x): True for x in out["uploaded"]}
        return lines, out

    def files(self):
        out = {}
        for path, data in self.puts():
            if path.startswith("artifact/") or path == "manifest":
                continue
            if path.endswith(".png"):
                out[self.plain(path)] = pixels(data)
            elif path.endswith(".json"):
                out[self.plain(path)] = self.plain(json.loads(data))
            elif path.endswith(".yaml"):
                out[path] = self.config(yaml.safe_load(data))
            else:
                out[path] = data.decode()
        return out

    def artifacts(self):
        contents = {p.removeprefix("artifact/"): d for p, d in self.puts() if p.startswith("artifact/")}
        ids, out = {}, {}
        for v in self.operations("CreateArtifact"):
            i = v["input"]
            name = i["artifactCollectionName"]
            out[name] = {k: i.get(k) for k in ("artifactTypeName", "aliases", "digest", "digestAlgorithm",
                                           "entityName", "projectName", "runName", "description",
                                           "metadata", "enableDigestDeduplication", "historyStep")}
        for r in self.requests:
            if r["op"] == "CommitArtifact":
                ids[len(ids)] = r["body"]["variables"]["artifactID"]
        out["committed"] = len(ids)
        for path, data in self.puts():
            if path != "manifest":
                continue
            m = json.loads(data)
            entries = m["contents"]
            owner = next(n for n in out if any(
                re.sub(r"[^\w.-]", "", p).split(".table.json")[0] in n for p in entries if "table.json" in p))
            for p, e in entries.items():
                e.pop("birthArtifactID")
                body = contents[p]
                assert base64.b64encode(hashlib.md5(body).digest()).decode() == e["digest"]
                assert len(body) == e["size"]
                e["content"] = pixels(body) if p.endswith(".png") else self.plain(json.loads(body))
            out[owner]["manifest"] = self.plain(entries)
            out[owner]["manifest version"] = [m["version"], m["storagePolicy"], m["storagePolicyConfig"]]
        return out

    def view(self):
        lines, end = self.stream()
        run, config = self.run()
        history = lines.get("wandb-history.jsonl", {})
        return {
            "run": self.plain(run), "config": config,
            "history": {str(i): self.plain(json.loads(line)) for i, line in history.items()},
            "summary": self.plain(json.loads(lines["wandb-summary.json"][0])),
            "console": {str(i): re.sub(r"\d\d\d\d-\d\d-\d\dT[\d:.]+ ", "", line)
                        for i, line in lines.get("output.log", {}).items()}, "end": end,
            "files": self.files(), "artifacts": self.artifacts(),
            "unknown": [r["path"] for r in self.requests if r["fate"] == "unknown"],
        }


def flat(value, path=""):
    if isinstance(value, dict) and value:
        for k, v in value.items():
            yield from flat(v, f"{path}.{k}" if path else str(k))
    else:
        yield path, value


def differences(official, ours):
    a, b = dict(flat(official)), dict(flat(ours))
    for path in sorted(set(a) | set(b)):
        if a.get(path, "absent") != b.get(path, "absent"):
            yield path, a.get(path, "absent"), b.get(path, "absent")


def reason(path):
    return next((why for pattern, why in REASONS if fnmatch.fnmatchcase(path, pattern)), None)


def decode(path):
    """Every record is one the official package knows, without a field that it does not."""
    from wandb.proto import wandb_internal_pb2
    data, at, parts, count = path.read_bytes(), 7, b"", 0
    assert data[:7] == b":W&B\xe1\xbe\x00"
    while at < len(data):
        left = 32768 - at % 32768
        if left < 7:
            at += left
            continue
        crc, n, kind = struct.unpack("<IHB", data[at:at + 7])
        assert zlib.crc32(data[at + 6:at + 7 + n]) == crc and at + 7 + n <= len(data)
        parts += data[at + 7:at + 7 + n]
        at += 7 + n
        if kind in (1, 4):
            record = wandb_internal_pb2.Record.FromString(parts)
            size = record.ByteSize()
            record.DiscardUnknownFields()
            assert record.ByteSize() == size == len(parts), f"record {record.num} has unknown fields"
            assert record.WhichOneof("record_type"), f"record {record.num} is empty"
            count, parts = count + 1, b""
    assert not parts
    return count


class Stub:
    def __init__(self, build, directory):
        os.makedirs(directory / "requests")
        self.process = subprocess.Popen([build / "wandbstub", directory / "requests"],
                                        stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        urllib.request.urlopen(self.url + "/stub/quit").read() if self.process.poll() is None else None
        self.process.wait(10)


def record(build, directory, mode, command):
    """Runs one program against a stub of its own; returns what arrived."""
    directory.mkdir()
    with Stub(build, directory) as stub:
        env = {k: v for k, v in os.environ.items() if not k.startswith("WANDB")}
        env.update(WANDB_BASE_URL=stub.url, WANDB_API_KEY="0123456789" * 4, WANDB_ERROR_REPORTING="false",
                   HOME=str(directory), WANDB_DIR=str(directory), WANDB_RUN_ID="abcd1234",
                   WANDB_DATA_DIR=str(directory / "data"), WANDB_CACHE_DIR=str(directory / "cache"),
                   WANDB_X_DISABLE_STATS="true", WANDB_DISABLE_GIT="true")
        subprocess.run([*command, mode], env=env, cwd=directory, check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        for log in directory.glob("wandb/*run-*/run-*.wandb"):
            decode(log)
        if mode == "offline":
            del env["WANDB_RUN_ID"]
            runs = list(directory.glob("wandb/offline-run-*"))
            wandb = pathlib.Path(sys.executable).parent / "wandb"
            done = subprocess.run([wandb, "sync", *runs], env=env, cwd=directory, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
            assert "Finished syncing" in done.stdout and "ERROR" not in done.stdout, done.stdout
            assert list(runs[0].glob("*.synced")), "not marked as synced"
        try:
            stub.__exit__()
        except OSError:
            pass
    return Log(directory / "requests").view()


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    import wandb
    text = [f"What a W&B server receives: official client {wandb.__version__} against vgg.wandb, same calls.",
            "Made by compare_wandb.py. Everything that is not listed is equal.", ""]
    unexplained = 0
    with tempfile.TemporaryDirectory() as scratch:
        for mode in ("offline", "online"):
            place = pathlib.Path(scratch)
            official = record(build, place / f"official-{mode}", mode,
                              [sys.executable, HERE / "wandb_calls.py"])
            ours = record(build, place / f"ours-{mode}", mode, [build / "vgglua", HERE / "wandb_calls.lua"])
            fields = len(dict(flat(official)))
            found = list(differences(official, ours))
            groups = {}
            for path, a, b in found:
                why = reason(path)
                if why is None:
                    unexplained += 1
                    print(f"UNEXPLAINED {mode} {path}\n  official {a!r:.300}\n  ours     {b!r:.300}")
                else:
                    pattern = next(p for p, _ in REASONS if fnmatch.fnmatchcase(path, p))
                    groups.setdefault((pattern, why), []).append(path)
            text += [f"## {mode}: {fields} fields, {len(found)} differ", "", "| field | how many | reason |",
                     "| --- | --- | --- |"]
            text += [f"| `{p}` | {len(paths)} | {why} |" for (p, why), paths in groups.items()] + [""]
    print("\n".join(text))
    if "--write" in sys.argv:
        (HERE / "wandb_differences.md").write_text("\n".join(text))
    print(f"{unexplained} differences without a reason")
    sys.exit(1 if unexplained else 0)


if __name__ == "__main__":
    main()
