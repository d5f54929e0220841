"""Does Lightning restore from a .ckpt of vgglua? Loads it with load_from_checkpoint and continues
with Trainer.fit(ckpt_path=...); weights, Adam's state, epoch and step must be the file's.

    vgglua export RUN --output ours.ckpt        (a run of vgg16_bn)
    python tests/parity/check_lightning.py ours.ckpt
"""
import sys

import lightning
import torch
import torchvision


class Net(torch.nn.Module):
    """vgg16_bn for 32x32 images; the head is read from the shapes in the file."""

    def __init__(self, head):
        super().__init__()
        self.features = torchvision.models.vgg16_bn().features
        self.classifier = torch.nn.Sequential(*[
            torch.nn.Linear(s[1], s[0]) if s else torch.nn.ReLU() for s in head])

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


class Lit(lightning.LightningModule):
    def __init__(self, lr=0.5, head=None):
        super().__init__()
        self.save_hyperparameters(ignore="head")
        self.model = Net(head)

    def training_step(self, batch, _):
        return torch.nn.functional.cross_entropy(self.model(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.5)

    def on_train_start(self):
        self.start = (self.trainer.current_epoch, self.trainer.global_step)
        self.restored = {n: p.detach().clone() for n, p in self.state_dict().items()}
        optimizer = self.optimizers().optimizer
        self.moments = [optimizer.state[p]["exp_avg"].clone() for p in self.parameters()]
        self.steps = [float(optimizer.state[p]["step"]) for p in self.parameters()]
        self.lr_now = optimizer.param_groups[0]["lr"]


path = sys.argv[1]
file = torch.load(path, weights_only=True)
state = file["state_dict"]
indices = sorted(int(k.split(".")[2]) for k in state if k.startswith("model.classifier.") and k.endswith("weight"))
head = [state.get(f"model.classifier.{i}.weight") for i in range(indices[-1] + 1)]
head = [None if w is None else tuple(w.shape) for w in head]

module = Lit.load_from_checkpoint(path, head=head, map_location="cpu")
assert all(torch.equal(v, state[k]) for k, v in module.state_dict().items())
assert set(module.state_dict()) == set(state)
hyper = file.get("hyper_parameters", {})
assert module.hparams.lr == hyper.get("lr", 0.5)
print("load_from_checkpoint: every tensor equal, strict; hparams", dict(module.hparams))

images = torch.utils.data.TensorDataset(torch.rand(4, 3, 32, 32), torch.tensor([0, 1, 2, 3]))
fresh = Lit(head=head)
trainer = lightning.Trainer(max_epochs=file["epoch"] + 1, accelerator="cpu", logger=False,
                            enable_checkpointing=False, enable_progress_bar=False,
                            enable_model_summary=False)
trainer.fit(fresh, torch.utils.data.DataLoader(images, 2), ckpt_path=path)
assert fresh.start == (file["epoch"], file["global_step"]), fresh.start
assert all(torch.equal(v, state[k]) for k, v in fresh.restored.items())
stored = file["optimizer_states"][0]
assert all(torch.equal(m, stored["state"][i]["exp_avg"]) for i, m in enumerate(fresh.moments))
assert fresh.steps == [float(stored["state"][i]["step"]) for i in range(len(fresh.steps))]
assert fresh.lr_now == stored["param_groups"][0]["lr"]
assert trainer.global_step == file["global_step"] + 2
print(f"Trainer.fit(ckpt_path): went on at epoch {fresh.start[0]}, step {fresh.start[1]}; "
      f"{len(fresh.moments)} Adam states equal, lr {fresh.lr_now}; ended at step {trainer.global_step}")
