-- What is added up over a pass through a data set: the loss weighted by batch size, the confusion
-- matrix with the accuracies that follow from it, and further metrics.
local core = require "vgg.core"

local Scores = {}
Scores.__index = Scores

-- spec: classes (number or names, nil: no classification), metrics = { name = metric }
function Scores.new(spec)
  local self = setmetatable({ loss_sum = 0, count = 0 }, Scores)
  self.classes = type(spec.classes) == "table" and #spec.classes or spec.classes
  local members = {}
  for name, m in pairs(spec.metrics or {}) do members[name] = m end
  local metric = require "vgg.metric"
  if self.classes then
    members.acc = members.acc or metric.Accuracy { classes = self.classes, average = "micro" }
    members.acc_macro = members.acc_macro or
      metric.Accuracy { classes = self.classes, average = "macro" }
    members.confusion_matrix = metric.ConfusionMatrix { classes = self.classes }
  end
  self.metrics = metric.Collection(members)
  self.metrics:reset()
  return self
end

function Scores:reset()
  self.loss_sum, self.count = 0, 0
  self.metrics:reset()
end

-- One batch of n images: loss is its mean.
function Scores:update(loss, logits, labels, n)
  self:add_loss(loss, n)
  self.metrics:update(logits, labels)
end

function Scores:add_loss(loss, n)
  self.loss_sum, self.count = self.loss_sum + loss * n, self.count + n
end

-- Steps of which the losses are still to come call add_loss from here.
local function wait(self)
  if self.outstanding then self.outstanding() end
end

-- matrix[true][predicted], counts; nil without classes.
function Scores:matrix()
  local confusion = self.metrics.metrics.confusion_matrix
  return confusion and core.scope(function() return confusion:compute():totable() end)
end

-- Per class recall (nan for a class without samples), and its row and column sums.
function Scores.per_class(matrix)
  local rows = {}
  for i, row in ipairs(matrix) do
    local truth, predicted = 0, 0
    for j = 1, #matrix do truth, predicted = truth + row[j], predicted + matrix[j][i] end
    rows[i] = { right = row[i], truth = truth, predicted = predicted, acc = row[i] / truth }
  end
  return rows
end

-- Names of values() and whether larger is better: true, false or "unknown".
function Scores:names()
  local names = { loss = false }
  for name, metric in pairs(self.metrics.metrics) do
    local higher = metric.higher_is_better
    if higher == nil then higher = "unknown" end
    if name ~= "confusion_matrix" then names[name] = higher end
  end
  return names
end

-- { loss =, acc = (of all images), acc_macro = (mean over classes), ... }
function Scores:values()
  wait(self)
  local v = { loss = self.loss_sum / self.count }
  for name, metric in pairs(self.metrics.metrics) do
    if name ~= "confusion_matrix" then v[name] = metric:compute() end
  end
  return v
end

-- Mean loss and accuracy alone, for the progress line.
function Scores:short()
  wait(self)
  local acc = self.metrics.metrics.acc
  return self.loss_sum / self.count, acc and acc:compute()
end

-- Plain tables, exact.
function Scores:state()
  wait(self)
  return { loss_sum = self.loss_sum, count = self.count, metrics = self.metrics:state() }
end

function Scores:load(s)
  self.loss_sum, self.count = s.loss_sum, s.count
  self.metrics:load_state(s.metrics)
end

return Scores
