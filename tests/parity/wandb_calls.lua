-- The calls of wandb_calls.py made with vgg.wandb: wandb_calls.lua MODE.
local vgg = require "vgg"
local wandb = vgg.wandb

local function picture(seed)
  local values = {}
  for i = 0, 3 * 8 * 6 - 1 do values[i + 1] = (i * 7 + seed * 13) % 256 end
  return vgg.tensor(values, "uint8"):reshape(3, 8, 6)
end

local run = wandb.init {
  project = "parity", name = "first", group = "g1", tags = { "a", "b" }, notes = "some notes",
  job_type = "train", mode = (...),
  config = { lr = 1e-3, epochs = 3, augment = "dlcv", nested = { depth = 3, on = true },
    list = { 1, 2, 3 }, nothing = vgg.json.null },
}
print "a line"
io.stdout:write "12%\r34%\r"
io.stdout:write "done\n"
io.stderr:write "caf\195\169, to standard error\n"
run:define_metric "step"
run:define_metric("train/*", { step_metric = "step" })
run:define_metric("val/*", { step_metric = "step" })
run:define_metric("val/acc", { step_metric = "step", summary = "max" })
run:define_metric("val/loss", { step_metric = "step", summary = "min" })
local loss, acc = { 2, 1.5, 1.75 }, { 0.25, 0.5, 0.375 }
for i = 1, 3 do
  run:log { ["train/loss"] = 1.5 / i, ["train/acc"] = 0.3 + (i - 1) * 0.1, ["val/loss"] = loss[i],
    ["val/acc"] = acc[i], step = i }
end
run:log { odd = 0 / 0, big = math.huge, text = "caf\195\169" }
run:log { sample = wandb.Image(picture(1), { caption = "one" }) }
local list = {}
for i = 0, 2 do list[i + 1] = wandb.Image(picture(i), { caption = "c" .. i }) end
run:log { samples = list }
run:log { hist = wandb.Histogram { counts = { 1, 2, 3 }, edges = { 0, 1, 2, 3 } } }
run:log { predictions = wandb.Table { columns = { "id", "name", "good", "img" }, data = {
  { 1, "cat", true, wandb.Image(picture(4)) },
  { 2, vgg.json.null, false, wandb.Image(picture(5), { caption = "dog" }) },
} } }
run:log { ["best/conf_mat"] = wandb.plot.confusion_matrix {
  matrix = { { 5, 1, 0 }, { 2, 4, 0 }, { 0, 0, 7 } }, classes = { "cat", "dog", "ship" },
  title = "confusion matrix on best epoch" } }
run:log { curves = wandb.plot.line_series { xs = { 1, 2, 3 }, ys = { { 3, 2, 1 }, { 4, 3, 2.5 } },
  keys = { "train", "val" }, title = "loss", xname = "epoch" } }
run.summary["best/loss"] = 1.5
run.summary["best/acc"] = 0.5
run.config:update { late = "yes" }
run:finish(0)
