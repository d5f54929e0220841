-- The best epoch so far by the monitored metric: its whole row of metrics and its confusion matrix.
local monitor = require "vgg.train.monitor"

local Tracker = {}
Tracker.__index = Tracker

-- Names of everything that will be logged for an epoch.
function Tracker.names(t)
  local names = {}
  local function add(prefix, scores)
    for name, higher in pairs(scores:names()) do names[prefix .. name] = higher end
  end
  add("train/", t:stage_scores "train")
  if t.feeds.val then add("val/", t:stage_scores "val") end
  for _, name in ipairs(t.task.logged or {}) do names[name] = "unknown" end
  return names
end

-- The option `monitor`, else val/acc, val/loss, train/loss: the first that exists.
local function choose(t, names)
  if t.opt.monitor then return t.opt.monitor end
  for _, name in ipairs { "val/acc", "val/loss" } do
    if names[name] ~= nil then return name end
  end
  return "train/loss"
end

function Tracker.new(t)
  local names = Tracker.names(t)
  local name = choose(t, names)
  local mode = monitor.resolve("Checkpoint", name, t.opt.mode, names)
  return setmetatable({ monitor = name, mode = mode }, Tracker)
end

-- True when this row is the best so far: then it becomes t.best. Ties keep the first.
function Tracker:update(t, row)
  local best = t.best and t.best.metrics[self.monitor]
  if not monitor.better(self.mode, row[self.monitor], best) then return false end
  local metrics = {}
  for name, value in pairs(row) do
    if type(value) == "number" and name ~= "epoch" and name ~= "step" then
      metrics[name] = value
    end
  end
  local matrix = row["val/loss"] and t.scores.val:matrix()
  t.best = { epoch = row.epoch, step = row.step, metrics = metrics, matrix = matrix }
  return true
end

-- val/acc -> best/acc, train/acc -> best/train/acc, with best/epoch.
function Tracker.best_row(best)
  local row = { ["best/epoch"] = best.epoch }
  for name, value in pairs(best.metrics) do row["best/" .. name:gsub("^val/", "")] = value end
  return row
end

return Tracker
