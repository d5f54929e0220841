-- The six lines at the start of a run.
local core = require "vgg.core"
local util = require "vgg.util"

local header = {}

local function data_line(t)
  local train, val = t.feeds.train, t.feeds.val
  local set = train.loader.dataset
  if not set then
    return ("%d training batches%s"):format(train.batches,
      val and (", %d validation batches"):format(val.batches) or "")
  end
  local text = ("%s, %s training images in %d batches of %d"):format(set.name or "data",
    util.count(train:images()), train.batches, train.loader.batch_size)
  if train.batches < train.all then text = text .. (" (limited from %d)"):format(train.all) end
  local vset = val and val.loader.dataset
  if vset then text = text .. "; " .. (t.opt.split_words or "validation = " .. tostring(vset)) end
  return text
end

local function model_line(t)
  local n, untrained = 0, 0
  for _, p in ipairs(t.parameters) do
    n = n + p.numel
    if not p.requires_grad then untrained = untrained + p.numel end
  end
  local rates = {}
  for i, lr in ipairs(t:learning_rates()) do rates[i] = ("%.3g"):format(lr.value) end
  return ("%s, %s parameters%s; %s lr %s"):format(t:model_name(), util.count(n),
    untrained > 0 and (" (%s frozen)"):format(util.count(untrained)) or "",
    t.task.optimizer.name or "optimizer", table.concat(rates, ", "))
end

local function log_line(t)
  if t.opt.fast_dev_run then
    return ("none: fast_dev_run (%d batch%s of each), no checkpoints, no logs"):format(
      t.opt.fast_dev_run, t.opt.fast_dev_run == 1 and "" or "es")
  end
  if not t.run then return "none" end
  return ("%s   follow: tail -f %s"):format(t.run.dir, t.run:path "metrics.jsonl")
end

local function seed_line(t)
  local seed = t.opt.seed
  if not seed then return "none set" end
  return seed >= 65536 and ("%d (0x%X)"):format(seed, seed) or ("%d"):format(seed)
end

function header.lines(t)
  local where = ("%s; precision %s"):format(core.device.describe(), t.opt.precision)
  return {
    "vgglua " .. core.version .. "  " .. (jit and jit.version or _VERSION),
    "device  " .. where,
    "data    " .. data_line(t),
    "model   " .. model_line(t),
    "seed    " .. seed_line(t),
    "log     " .. log_line(t),
  }
end

function header.print(t)
  for _, line in ipairs(header.lines(t)) do util.log("info", "%s", line) end
  if t.resume_from then
    local stop = require "vgg.train.stop"
    util.log("info", "resume  %s, from %s", t.resume_from, stop.where(t))
  end
end

return header
