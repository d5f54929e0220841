-- Logs the confusion matrix of the best weights' test through the raw loggers, as best/conf_mat.
local ConfusionMatrix = { name = "confusion_matrix" }
ConfusionMatrix.__index = ConfusionMatrix

function ConfusionMatrix.new() return setmetatable({}, ConfusionMatrix) end

function ConfusionMatrix:on_test_epoch_end(trainer, result)
  self.last = result
  if result.label ~= "best" or not result.matrix then return end
  trainer.loggers:log_confusion_matrix {
    key = "best/conf_mat", title = "confusion matrix on best epoch", epoch = result.epoch,
    classes = result.classes, matrix = result.matrix,
  }
end

return ConfusionMatrix
