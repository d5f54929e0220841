-- The options of a Trainer: names, defaults, checks. Names are those of Lightning's Trainer.
local util = require "vgg.util"

local options = {}

local known = {}
for name in ([[model task loss optimizer schedule metrics classes hyper_parameters
  max_epochs max_steps max_time fast_dev_run overfit_batches limit_train_batches limit_val_batches
  limit_test_batches accumulate_grad_batches gradient_clip_val gradient_clip_algorithm
  log_every_n_steps num_sanity_val_steps check_val_every_n_epoch callbacks seed device precision
  emulate_bf16 profile
  deterministic monitor mode filename save checkpoint_every_n_steps checkpoint_every run_name
  runs_dir resume overwrite pictures loggers tb_logs progress header threads memory_limit
  repl watch
  split_words
  data_words]]):gmatch "%S+" do
  known[name] = true
end

local function whole(o, name, low)
  local v = o[name]
  if type(v) ~= "number" or v < low or (v ~= math.floor(v)) then
    util.fail("usage", "Trainer: %s: want a whole number of at least %d, got %s", name, low,
      tostring(v))
  end
end

local function duration(o, name)
  if o[name] == nil then return end
  local seconds, why = util.parse_duration(o[name])
  if not seconds then util.fail("usage", "Trainer: %s %s", name, why) end
  o[name] = seconds
end

local function amount(o, name)
  if o[name] == nil then return end
  local bytes = util.parse_bytes(o[name])
  if not bytes then
    util.fail("usage", "Trainer: %s '%s' is not an amount like 8GiB", name, tostring(o[name]))
  end
  o[name] = bytes
end

local function default(o, name, value)
  if o[name] == nil then o[name] = value end
end

local function check_precision(o)
  default(o, "precision", "32")
  o.precision = tostring(o.precision)
  o.device = require("vgg.train.device").resolve(o.device)
  o.autocast = require("vgg.train.precision").check(o.precision, o.device, o.emulate_bf16)
end

local function check_limits(o)
  if o.fast_dev_run == true then o.fast_dev_run = 1 end
  if o.fast_dev_run == 0 then o.fast_dev_run = false end
  if o.fast_dev_run then
    whole(o, "fast_dev_run", 1)
    o.max_epochs, o.max_steps, o.num_sanity_val_steps = 1, nil, 0
    o.limit_train_batches, o.limit_val_batches = o.fast_dev_run, o.fast_dev_run
    o.limit_test_batches, o.overfit_batches, o.log_every_n_steps = o.fast_dev_run, 0, 1
  end
  if not (o.max_epochs or o.max_steps or o.max_time) then
    util.fail("usage", "Trainer: give max_epochs, max_steps or max_time")
  end
  default(o, "max_epochs", math.huge)
  default(o, "max_steps", math.huge)
  if o.max_epochs < 0 then o.max_epochs = math.huge end
  if o.max_steps < 0 then o.max_steps = math.huge end
end

-- Checks given options, fills in defaults; returns a new table. `fit` may still change max_epochs.
function options.read(given)
  util.check_options("Trainer", given, known, 3)
  local o = {}
  for k, v in pairs(given) do o[k] = v end
  duration(o, "max_time")
  duration(o, "checkpoint_every")
  amount(o, "memory_limit")
  default(o, "accumulate_grad_batches", 1)
  default(o, "log_every_n_steps", 50)
  default(o, "num_sanity_val_steps", 2)
  default(o, "check_val_every_n_epoch", 1)
  default(o, "checkpoint_every", 300)
  default(o, "overfit_batches", 0)
  default(o, "gradient_clip_algorithm", "norm")
  default(o, "runs_dir", "runs")
  o.device_given = o.device ~= nil
  default(o, "device", "cpu")
  default(o, "deterministic", true)
  for _, name in ipairs { "accumulate_grad_batches", "log_every_n_steps",
    "check_val_every_n_epoch" } do
    whole(o, name, 1)
  end
  whole(o, "num_sanity_val_steps", 0)
  if o.gradient_clip_algorithm ~= "norm" and o.gradient_clip_algorithm ~= "value" then
    util.fail("usage", "gradient_clip_algorithm: no '%s'. Known: norm, value",
      o.gradient_clip_algorithm)
  end
  if o.gradient_clip_val == 0 then o.gradient_clip_val = nil end
  check_limits(o)
  check_precision(o)
  return o
end

-- How many of `batches` a limit leaves: a count, a share below 1 ("1.0" and nil: all).
function options.limited(limit, batches, who)
  return require("vgg.data.loader").limited(limit, batches, who)
end

return options
