"""The calls of wandb_calls.lua made with the official client: wandb_calls.py MODE (online, offline).
WANDB_BASE_URL, WANDB_API_KEY, WANDB_DIR, WANDB_RUN_ID come from the environment."""
import sys

import numpy
import wandb


def picture(seed, height=8, width=6):
    n = 3 * height * width
    values = [(i * 7 + seed * 13) % 256 for i in range(n)]
    return numpy.array(values, dtype=numpy.uint8).reshape(3, height, width).transpose(1, 2, 0)


def main():
    run = wandb.init(
        project="parity", name="first", group="g1", tags=["a", "b"], notes="some notes",
        job_type="train", mode=sys.argv[1],
        config={"lr": 1e-3, "epochs": 3, "augment": "dlcv", "nested": {"depth": 3, "on": True},
                "list": [1, 2, 3], "nothing": None},
        settings=wandb.Settings(console="wrap", silent=True, x_disable_stats=True, disable_git=True,
                                save_code=False, disable_code=True))
    print("a line")
    sys.stdout.write("12%\r34%\r")
    sys.stdout.write("done\n")
    sys.stderr.write("caf\u00e9, to standard error\n")
    run.define_metric("step")
    run.define_metric("train/*", step_metric="step")
    run.define_metric("val/*", step_metric="step")
    run.define_metric("val/acc", step_metric="step", summary="max")
    run.define_metric("val/loss", step_metric="step", summary="min")
    for i in range(3):
        run.log({"train/loss": 1.5 / (i + 1), "train/acc": 0.3 + i * 0.1, "val/loss": [2, 1.5, 1.75][i],
                 "val/acc": [0.25, 0.5, 0.375][i], "step": i + 1})
    run.log({"odd": float("nan"), "big": float("inf"), "text": "caf\u00e9"})
    run.log({"sample": wandb.Image(picture(1), caption="one")})
    run.log({"samples": [wandb.Image(picture(i), caption=f"c{i}") for i in range(3)]})
    run.log({"hist": wandb.Histogram(np_histogram=([1, 2, 3], [0, 1, 2, 3]))})
    table = wandb.Table(columns=["id", "name", "good", "img"],
                        data=[[1, "cat", True, wandb.Image(picture(4))],
                              [2, None, False, wandb.Image(picture(5), caption="dog")]])
    run.log({"predictions": table})
    names = ["cat", "dog", "ship"]
    counts = [[5, 1, 0], [2, 4, 0], [0, 0, 7]]
    rows = [[names[i], names[j], counts[i][j]] for i in range(3) for j in range(3)]
    fields = {"Actual": "Actual", "Predicted": "Predicted", "nPredictions": "nPredictions"}
    run.log({"best/conf_mat": wandb.plot_table(
        data_table=wandb.Table(columns=["Actual", "Predicted", "nPredictions"], data=rows),
        vega_spec_name="wandb/confusion_matrix/v1", fields=fields,
        string_fields={"title": "confusion matrix on best epoch"}, split_table=True)})
    run.log({"curves": wandb.plot.line_series(
        xs=[1, 2, 3], ys=[[3, 2, 1], [4, 3, 2.5]], keys=["train", "val"], title="loss", xname="epoch")})
    run.summary["best/loss"] = 1.5
    run.summary["best/acc"] = 0.5
    run.config.update({"late": "yes"})
    run.finish(exit_code=0)


main()
