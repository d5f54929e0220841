-- Trainer { model =, loss =, optimizer =, classes =, max_epochs =, ... }: fit, validate, test. The
-- loop itself is in loop.lua, what a step does in step.lua, what is saved in state.lua.
local log = require "vgg.log"
local util = require "vgg.util"
local evaluate = require "vgg.train.evaluate"
local Feed = require "vgg.train.feed"
local loop = require "vgg.train.loop"
local options = require "vgg.train.options"
local results = require "vgg.train.results"
local Scores = require "vgg.train.scores"
local setup = require "vgg.train.setup"
local tasks = require "vgg.train.task"

local Trainer = { __name = "vgg.train.Trainer" }
Trainer.__index = Trainer

function Trainer.new(given)
  local self = setmetatable({ opt = options.read(given or {}) }, Trainer)
  self.callbacks, self.loggers = {}, log.open {}
  self.position = { epoch = 0, batch = 0, step = 0 }
  return self
end

-- ---- what a user calls ----

local fit_known = { model = 1, task = 1, module = 1, loss = 1, optimizer = 1, schedule = 1,
  metrics = 1, classes = 1, train = 1, valid = 1, epochs = 1 }

-- fit { train = loader, valid = loader, model | module =, epochs = }: trains until a limit is
-- reached; returns the results (see results.lua). An interruption or bad numbers raise.
function Trainer:fit(args)
  util.check_options("fit", args, fit_known, 2)
  if args.epochs then self.opt.max_epochs = args.epochs end
  setup.fit(self, args)
  loop.fit(self)
  return results.of_fit(self)
end

-- Gives a trainer that has not fitted its task (and the weights in `ckpt`).
local function ready(self, args)
  if args.model or args.module or args.task or not self.task then
    self.task = tasks.new(self.opt, args)
    setup.place(self)
  end
  setup.callbacks(self)
  if args.ckpt then return setup.load_weights(self, args.ckpt) end
end

local function pass(self, args, stage, limit, who)
  local feed = Feed.new { loader = args.data or args[1], limit = limit, who = who,
    device = self.opt.device }
  if not feed then error(("%s: no data"):format(stage), 3) end
  return evaluate.run(self, stage, feed, self:stage_scores(stage)), feed
end

local pass_known = { data = 1, ckpt = 1, label = 1, model = 1, module = 1, task = 1, loss = 1,
  metrics = 1, classes = 1 }

local function arguments(name, args)
  if type(args) == "userdata" or (type(args) == "table" and args.get) then
    return { data = args }
  end
  util.check_options(name, args, pass_known, 3)
  return args
end

-- validate(loader) or validate { data =, ckpt = "best" }: { loss =, acc =, acc_macro =, ... }
function Trainer:validate(args)
  args = arguments("validate", args)
  ready(self, args)
  local values = pass(self, args, "val", self.opt.limit_val_batches, "limit_val_batches")
  self:call("on_validation_epoch_end", values)
  return values
end

-- test(loader) or test { data =, ckpt = "best" | "last" | path, label = "best" }: the values and
-- the confusion matrix, logged as one row. In a fast dev run the present weights are tested.
function Trainer:test(args)
  args = arguments("test", args)
  if self.opt.fast_dev_run then args.ckpt = nil end
  local epoch = ready(self, args)
  self.testing = args.label or args.ckpt or "current"
  local values = pass(self, args, "test", self.opt.limit_test_batches, "limit_test_batches")
  local result = { values = values, epoch = epoch or self.position.epoch, label = self.testing,
    matrix = self.scores.test:matrix(), classes = self:class_names() }
  local row = { type = "test", checkpoint = self.testing, epoch = result.epoch }
  for name, value in pairs(values) do row["test/" .. name] = value end
  self:log_row(row)
  self:call("on_test_epoch_end", result)
  return result
end

-- evaluate(loader): the values alone.
function Trainer:evaluate(loader) return self:test(loader).values end

-- Tests the last weights, then the best ones (once where they are the same) and leaves the best in
-- the model: { last =, best = }, each as from `test`.
function Trainer:test_both(loader)
  return results.test_both(self, loader)
end

-- Prints the confusion matrix and the summary line on stdout (as_json: one object instead), keeps
-- them in summary.json; returns the object.
function Trainer:report(tests, as_json) return results.report(self, tests, as_json) end

-- ---- what hooks and callbacks use ----

-- Calls a hook of the task, then of every callback.
function Trainer:call(hook, ...)
  local task = self.task
  if task and task[hook] then task[hook](task, self, ...) end
  for _, c in ipairs(self.callbacks) do
    local f = c[hook]
    if f then f(c, self, ...) end
  end
end

-- Adds a value to the row of the present step or epoch. Names to be monitored are declared in
-- task.logged = { "val/f2" }.
function Trainer:log(name, value) self.extra[name] = value end

-- Writes a row to every logger.
function Trainer:log_row(row)
  if self.sanity then return end
  for name, value in pairs(self.extra or {}) do row[name] = value end
  self.extra = {}
  self.loggers:log_metrics(row)
end

-- A logger by its name ("jsonl", "tensorboard", "wandb"), for a hook that logs something of its
-- own; nil when the run has none. All at once: trainer.loggers:log_text { ... }.
function Trainer:logger(name) return self.loggers:get(name) end

-- Rows in metrics.jsonl so far; nil without one.
function Trainer:rows()
  local jsonl = self:logger "jsonl"
  return jsonl and jsonl.rows
end

-- Ends the training after the present step.
function Trainer:stop(reason) self.stop_reason = self.stop_reason or reason end

-- { { name = "lr-Adam", value = } ... }: one entry, or one a parameter group ("lr-Adam/pg1").
function Trainer:learning_rates()
  local optimizer = self.task.optimizer
  local groups, name = optimizer.param_groups or { optimizer }, "lr-" .. (optimizer.name or "opt")
  local list = {}
  for i, g in ipairs(groups) do
    list[i] = { name = #groups > 1 and ("%s/pg%d"):format(name, i) or name, value = g.lr }
  end
  return list
end

function Trainer:model_name() return self.task.model.__name or "model" end

function Trainer:class_names()
  local c = self.task.classes
  return type(c) == "table" and c or nil
end

function Trainer:elapsed() return self.clock and self.clock:elapsed() or 0 end

-- Scores of a stage; made when first needed.
function Trainer:stage_scores(stage)
  self.scores = self.scores or {}
  self.scores[stage] = self.scores[stage] or Scores.new(self.task)
  return self.scores[stage]
end

-- Looks for signals; called between steps.
function Trainer:poll() loop.poll(self) end

-- Saves the state now (Checkpoint's `last`), wherever the run stands between two steps.
function Trainer:save_checkpoint(path)
  for _, c in ipairs(self.callbacks) do
    if c.save_now then return c:save_now(self, path) end
  end
end

return Trainer
