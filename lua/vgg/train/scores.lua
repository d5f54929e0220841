-- What is added up over a pass through a data set: the loss weighted by batch size, the confusion
-- matrix with the accuracies that follow from it, and further metrics.
local Scores = {}
Scores.__index = Scores

-- spec: classes (number or names, nil: no classification), metrics = { name = metric }
function Scores.new(spec)
  local self = setmetatable({ loss_sum = 0, count = 0, metrics = {}, order = {} }, Scores)
  self.classes = type(spec.classes) == "table" and #spec.classes or spec.classes
  for name, metric in pairs(spec.metrics or {}) do
    self.metrics[name] = metric:clone()
    self.metrics[name]:reset()
    self.order[#self.order + 1] = name
  end
  table.sort(self.order)
  if self.classes then
    self.confusion = require("vgg.metric").ConfusionMatrix { classes = self.classes }
  end
  return self
end

function Scores:reset()
  self.loss_sum, self.count = 0, 0
  for _, metric in pairs(self.metrics) do metric:reset() end
  if self.confusion then self.confusion:reset() end
end

-- One batch of n images: loss is its mean.
function Scores:update(loss, logits, labels, n)
  self.loss_sum, self.count = self.loss_sum + loss * n, self.count + n
  if self.confusion then self.confusion:update(logits, labels) end
  for _, name in ipairs(self.order) do self.metrics[name]:update(logits, labels) end
end

-- matrix[true][predicted], counts; nil without classes.
function Scores:matrix()
  if not self.confusion then return nil end
  local m = self.confusion:compute()
  return type(m) == "userdata" and m:totable() or m
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

-- Share of all that is right, and mean over classes as torchmetrics' macro average: a class that is
-- neither there nor predicted leaves the mean, one only predicted counts as 0.
function Scores.accuracies(matrix)
  local right, all, sum, classes = 0, 0, 0, 0
  for _, c in ipairs(Scores.per_class(matrix)) do
    right, all = right + c.right, all + c.truth
    if c.truth + c.predicted > 0 then
      classes = classes + 1
      sum = sum + (c.truth > 0 and c.acc or 0)
    end
  end
  return right / all, sum / classes
end

-- Names of values() and whether larger is better: true, false or "unknown".
function Scores:names()
  local names = { loss = false }
  if self.confusion then names.acc, names.acc_macro = true, true end
  for name, metric in pairs(self.metrics) do
    local higher = metric.higher_is_better
    names[name] = higher == nil and "unknown" or higher
  end
  return names
end

-- { loss =, acc = (of all images), acc_macro = (mean over classes), ... }
function Scores:values()
  local v = { loss = self.loss_sum / self.count }
  local matrix = self.count > 0 and self:matrix()
  if matrix then v.acc, v.acc_macro = Scores.accuracies(matrix) end
  for _, name in ipairs(self.order) do
    local value = self.metrics[name]:compute()
    v[name] = type(value) == "userdata" and value:item() or value
  end
  return v
end

-- Plain tables, exact.
function Scores:state()
  local s = { loss_sum = self.loss_sum, count = self.count, metrics = {} }
  for _, name in ipairs(self.order) do s.metrics[name] = self.metrics[name]:state() end
  if self.confusion then s.confusion = self.confusion:state() end
  return s
end

function Scores:load(s)
  self.loss_sum, self.count = s.loss_sum, s.count
  for _, name in ipairs(self.order) do self.metrics[name]:load_state(s.metrics[name]) end
  if self.confusion then self.confusion:load_state(s.confusion) end
end

return Scores
