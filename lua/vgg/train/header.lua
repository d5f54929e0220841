-- The six lines at the start of a run.
local core = require "vgg.core"
local util = require "vgg.util"

local header = {}

local function batches_text(feed)
  local text = ("%s batch%s of %s"):format(util.count(feed.batches),
    feed.batches == 1 and "" or "es", tostring(feed.loader.batch_size or "?"))
  if feed.batches == feed.all then -- a left-over image joins the last batch
    local more = feed.loader.notice and (", the last of %d"):format(feed:size_of(feed.all))
    return text .. (more or "")
  end
  return text .. (" (limited from %s)"):format(util.count(feed.all))
end

-- Where the images come from, how many, the split in words.
local function data_line(t)
  local train, val = t.feeds.train, t.feeds.val
  local words = t.opt.data_words or (train.loader.dataset and tostring(train.loader.dataset))
  local text = (words and words .. ", " or "") .. batches_text(train)
  if t.opt.overfit_batches ~= 0 then return text .. "; overfitting them, they also validate" end
  if not val then return text .. "; no validation" end
  local set = val.loader.dataset
  return ("%s; %s"):format(text, t.opt.split_words or
    "validation = " .. (set and tostring(set) or batches_text(val)))
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
  return ("%s   follow: vgglua watch %s"):format(t.run.dir, t.run.dir)
end

local function seed_line(t)
  local seed = t.opt.seed
  if not seed then return "none set" end
  return seed >= 65536 and ("%d (0x%X)"):format(seed, seed) or ("%d"):format(seed)
end

function header.lines(t)
  local where = ("%s; precision %s"):format(core.device.describe(t.opt.device),
    require("vgg.train.precision").words(t.opt.precision, t.opt.device))
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
