-- The logger "wandb": a W&B run inside the run's directory (or under $WANDB_DIR). One row an epoch
-- with the keys train/loss train/acc val/loss val/acc step (the epoch) and, when it is the best so
-- far, best/loss best/acc; the whole flag set as config.
local json = require "vgg.json"
local wandb = require "vgg.wandb"

local Logger = {}
Logger.__index = Logger

function Logger.new(run, context)
  return setmetatable({ name = "wandb", dir = run, context = context or {} }, Logger)
end

-- What an earlier session of the same run left: its id and where its rows end.
local function earlier(self)
  return self.context.resumed and self.dir:read "wandb.json" or nil
end

local function config_of(self, whole)
  local config, own = {}, {}
  for _, part in ipairs { whole or {}, whole and whole.fixed or {} } do
    for key, v in pairs(part) do
      if key ~= "flags" and key ~= "fixed" then own[key] = v end
    end
  end
  for key, v in pairs(self.context.flags or {}) do
    if type(key) == "string" then config[key] = v end
  end
  config.vgglua = own
  return config
end

-- The run; made when first needed, so that its config is known.
local function open(self, whole)
  if self.run then return self.run end
  local before = earlier(self)
  self.run = wandb.start({ config = config_of(self, whole) }, { project = "vgglua",
    name = self.dir.name, dir = self.dir.dir, job_type = "train", id = before and before.id,
    starting_step = before and before.step, runtime = before and before.runtime })
  self.run:define_metric "step"
  for _, pattern in ipairs { "train/*", "val/*", "best/*", "test/*" } do
    self.run:define_metric(pattern, { step_metric = "step" })
  end
  self.run:define_metric("val/acc", { step_metric = "step", summary = "max,last" })
  self.run:define_metric("val/loss", { step_metric = "step", summary = "min,last" })
  return self.run
end

function Logger:log_config(whole) open(self, whole) end

-- Columns of metrics.jsonl that are no metrics, and values the run page does without.
local left_out = { type = 1, epoch = 1, step = 1, batch = 1, timing = 1, best = 1, partial = 1,
  checkpoint = 1, grad_norm = 1, ["train/loss_step"] = 1 }

local function metrics(row)
  local out = {}
  for key, v in pairs(row) do
    if type(v) == "number" and not left_out[key] and not key:match "_macro$" then out[key] = v end
  end
  return out
end

-- Remembers where the rows end, for a session that goes on.
local function note(self)
  local run = self.run
  if run.mode == "disabled" or run.finished then return end
  run.writer:file(self.dir:path "wandb.json", json.encode { id = run.id, step = run.step,
    runtime = run:runtime() } .. "\n")
end

local function epoch_row(self, row)
  local out = metrics(row)
  if row.best then
    out["best/loss"], out["best/acc"] = row["val/loss"], row["val/acc"]
  end
  for key, lr in pairs(self.rates or {}) do out[key] = lr end
  out.step = row.epoch
  self.run:log(out)
  note(self)
end

-- Learning rates wait for the epoch's row; what a user logs with a step goes out with it.
local function step_row(self, row)
  local out, rates = metrics(row), {}
  for key, v in pairs(out) do
    if key:match "^lr%-" then rates[key], out[key] = v, nil end
  end
  self.rates = next(rates) and rates or self.rates
  if next(out) == nil then return end
  out["trainer/global_step"] = row.step
  self.run:log(out)
end

function Logger:log_metrics(row)
  open(self)
  if row.type == "epoch" then
    epoch_row(self, row)
  elseif row.type == "step" then
    step_row(self, row)
  elseif row.type == "test" then
    if row.checkpoint == "last" then return end
    local out = metrics(row)
    out.step = row.epoch
    self.run:log(out)
    note(self)
  end
end

-- A row with the epoch as its step.
local function log(self, o, value)
  open(self):log { [o.key] = value, step = o.epoch }
end

function Logger:log_images(o) log(self, o, o.images) end

function Logger:log_table(o)
  log(self, o, wandb.Table { columns = o.columns, data = o.rows })
end

function Logger:log_confusion_matrix(o)
  log(self, o, wandb.plot.confusion_matrix { matrix = o.matrix, classes = o.classes,
    title = o.title })
end

function Logger:log_histogram(o)
  log(self, o, o.counts and wandb.Histogram { counts = o.counts, edges = o.bins }
    or wandb.Histogram(o.values))
end

function Logger:log_text(o) log(self, o, o.text) end
function Logger:log_file(o) open(self):save(o.path, o.name) end

function Logger:log_summary(values, more)
  local out = {}
  values = values or {}
  for _, key in ipairs { "best/loss", "best/acc", "best/epoch" } do out[key] = values[key] end
  out.stop_reason = more and more.stop_reason
  open(self):log_summary(out)
end

function Logger:flush()
  if self.run then self.run:flush() end
end

function Logger:close(outcome)
  if not self.run then return end
  note(self)
  self.run:finish(outcome and outcome.code or 0)
end

return Logger
