-- Metrics that follow from the confusion counts. Options as in torchmetrics: num_classes (or
-- classes), average = "macro" | "micro" | "weighted" | "none", top_k, ignore_index. update takes
-- scores N x C (x ...) or labels, and labels; compute gives a number, or an array for "none".
local core = require "vgg.core"
local Counts = require "vgg.metric.counts"
local Metric = require "vgg.metric.base"
local util = require "vgg.util"

local none = Metric.none
local Classes = setmetatable({}, { __index = Metric })
Classes.__index = Classes

function Classes:start()
  local top_k, ignore = self.top_k or 1, self.ignore_index
  self.counts = Counts.new(self.num_classes, self.num_classes + 1, function(t, preds, target)
    core.metric.confusion(t, preds, target, ignore, top_k)
  end)
end

-- Metrics with equal keys may share their counts.
function Classes:share_key()
  return ("counts %d %s %d"):format(self.num_classes, tostring(self.ignore_index), self.top_k or 1)
end

function Classes:update(preds, target) self.counts:update(preds, target) end
function Classes:reset() self.counts:reset() end
function Classes:merge(other)
  if getmetatable(other) ~= getmetatable(self) then
    error(("%s: merge wants another %s"):format(self.name, self.name), 2)
  end
  self.counts:merge(other.counts)
end
function Classes:state() return self.counts:state() end
function Classes:load_state(state) self.counts:load_state(state) end

local function check_common(self)
  Metric.check_whole(self, "num_classes", 2)
  if self.ignore_index ~= nil then Metric.check_whole(self, "ignore_index", -2 ^ 53) end
end

local function check_score(self)
  check_common(self)
  Metric.check_one_of(self, "average", "macro", "micro", "weighted", "none")
  if self.top_k then Metric.check_whole(self, "top_k", 1, self.num_classes) end
end

-- A score of true and false positives.
local function score(name, kind, average, extra)
  extra = extra or {}
  local defaults = { num_classes = false, average = average, top_k = 1, ignore_index = none }
  if extra.no_top_k then defaults.top_k = nil end
  for key, value in pairs(extra.defaults or {}) do defaults[key] = value end
  return Metric.kind("Multiclass" .. name, {
    parent = Classes, defaults = defaults, higher_is_better = true,
    needs = { num_classes = true, beta = true },
    check = function(self)
      check_score(self)
      if extra.check then extra.check(self) end
    end,
    start = Classes.start,
    compute = function(self)
      return core.metric.score(self.counts:tensor(), kind, self.average, self.beta,
        self.top_k or 1, self.ignore_index)
    end,
  })
end

local classes = {
  Accuracy = score("Accuracy", "accuracy", "macro"),
  Precision = score("Precision", "precision", "macro"),
  Recall = score("Recall", "recall", "macro"),
  Specificity = score("Specificity", "specificity", "macro"),
  F1Score = score("F1Score", "fbeta", "macro"),
  JaccardIndex = score("JaccardIndex", "jaccard", "macro", { no_top_k = true }),
  FBetaScore = score("FBetaScore", "fbeta", "macro", {
    defaults = { beta = false },
    check = function(self)
      if type(self.beta) ~= "number" or self.beta <= 0 then
        error(("beta must be a number > 0, got %s"):format(tostring(self.beta)), 0)
      end
    end,
  }),
}

classes.CohenKappa = Metric.kind("MulticlassCohenKappa", {
  parent = Classes, higher_is_better = true, start = Classes.start,
  defaults = { num_classes = false, weights = "none", ignore_index = none },
  check = function(self)
    check_common(self)
    Metric.check_one_of(self, "weights", "none", "linear", "quadratic")
  end,
  compute = function(self)
    return core.metric.cohen_kappa(self.counts:tensor(), self.weights)
  end,
})

classes.MatthewsCorrCoef = Metric.kind("MulticlassMatthewsCorrCoef", {
  parent = Classes, higher_is_better = true, start = Classes.start,
  defaults = { num_classes = false, ignore_index = none }, check = check_common,
  compute = function(self) return core.metric.matthews(self.counts:tensor()) end,
})

-- compute gives a C x C tensor, row = true class: counts, or shares with normalize = "true"
-- (rows), "pred" (columns) or "all". Predictions lost to NaN are in nan_counts() only.
classes.ConfusionMatrix = Metric.kind("MulticlassConfusionMatrix", {
  parent = Classes, start = Classes.start,
  defaults = { num_classes = false, normalize = "none", ignore_index = none },
  check = function(self)
    check_common(self)
    Metric.check_one_of(self, "normalize", "none", "true", "pred", "all")
  end,
  compute = function(self)
    local matrix, empty = core.metric.matrix(self.counts:tensor(), self.normalize)
    if empty > 0 and not self.warned then
      self.warned = true
      util.log("warn", "confusion matrix: %d values are 0/0 (classes without samples), shown as 0",
        empty)
    end
    return matrix
  end,
  nan_counts = function(self)
    local lost = {}
    for i, row in ipairs(self.counts:state()) do lost[i] = row[self.num_classes + 1] end
    return lost
  end,
})

return classes
