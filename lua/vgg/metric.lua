-- Metrics with torchmetrics' values. All share update, compute, reset, merge, clone, state and
-- load_state. Two rules differ on purpose: a class outside 0 .. num_classes - 1 always raises, and
-- scores with a NaN count as a wrong prediction of no class, never as class 0.
local classes = require "vgg.metric.classes"
local mean = require "vgg.metric.mean"

local metric = {
  MulticlassAccuracy = classes.Accuracy,
  MulticlassPrecision = classes.Precision,
  MulticlassRecall = classes.Recall,
  MulticlassF1Score = classes.F1Score,
  MulticlassFBetaScore = classes.FBetaScore,
  MulticlassSpecificity = classes.Specificity,
  MulticlassJaccardIndex = classes.JaccardIndex,
  MulticlassCohenKappa = classes.CohenKappa,
  MulticlassMatthewsCorrCoef = classes.MatthewsCorrCoef,
  MulticlassConfusionMatrix = classes.ConfusionMatrix,
  MulticlassCalibrationError = require "vgg.metric.calibration",
  Mean = mean.Mean,
  Sum = mean.Sum,
  Collection = require "vgg.metric.collection",
}

-- The same without the prefix: this library knows no other task.
for _, name in ipairs { "Accuracy", "Precision", "Recall", "F1Score", "FBetaScore", "Specificity",
  "JaccardIndex", "CohenKappa", "MatthewsCorrCoef", "ConfusionMatrix", "CalibrationError" } do
  metric[name] = metric["Multiclass" .. name]
end
metric.F1 = metric.MulticlassF1Score
metric.MetricCollection = metric.Collection

return metric
