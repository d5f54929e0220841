-- Losses as layers: nn.CrossEntropyLoss { label_smoothing = 0.1 }, nn.MSELoss {}.
local calls = require "vgg.nn.calls"
local simple = require "vgg.nn.simple"

local losses = {}

local function check_reduction(self)
  local r = self.reduction
  if r ~= "mean" and r ~= "sum" and r ~= "none" then
    calls.mistake("%s: reduction is 'mean', 'sum' or 'none', got '%s'", self.__name,
      tostring(r))
  end
end

-- loss(logits, labels): labels are int64, 0-based.
losses.CrossEntropyLoss = simple.layer("CrossEntropyLoss", {},
  { reduction = "mean", label_smoothing = 0, ignore_index = -100 },
  function(self, logits, target) return logits:cross_entropy(target, self._options) end)

function losses.CrossEntropyLoss.check(self)
  check_reduction(self)
  rawset(self, "_options", {
    reduction = self.reduction, label_smoothing = self.label_smoothing,
    ignore_index = self.ignore_index,
  })
end

-- loss(x, target): equal shapes; PyTorch's deprecated broadcasting of the target is an error here.
losses.MSELoss = simple.layer("MSELoss", {}, { reduction = "mean" }, function(self, x, target)
  return x:mse_loss(target, { reduction = self.reduction })
end)
losses.MSELoss.check = check_reduction

return losses
