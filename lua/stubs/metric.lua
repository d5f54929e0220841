---@meta
-- Metrics of vgg.metric, for ?name, completion, editors. update takes scores N x C (x ...) or
-- int64 labels, and int64 targets. All have update, compute, reset, merge, clone, state and
-- load_state.

---Share of each class that is found, averaged.
---@option num_classes 10 number of classes (also: classes)
---@option average "macro" "macro", "micro", "weighted" or "none" (a value for each class)
---@option top_k 1 a target among the k best scores counts as found
---@option ignore_index nil target that does not count
---@return Metric
function metric.Accuracy(options) end

---Share of the predictions of a class that are right.
---@option num_classes 10 number of classes (also: classes)
---@option average "macro" "macro", "micro", "weighted" or "none" (a value for each class)
---@option top_k 1 a target among the k best scores counts as found
---@option ignore_index nil target that does not count
---@return Metric
function metric.Precision(options) end

---Share of a class that is found.
---@option num_classes 10 number of classes (also: classes)
---@option average "macro" "macro", "micro", "weighted" or "none" (a value for each class)
---@option top_k 1 a target among the k best scores counts as found
---@option ignore_index nil target that does not count
---@return Metric
function metric.Recall(options) end

---Harmonic mean of precision and recall (also: F1).
---@option num_classes 10 number of classes (also: classes)
---@option average "macro" "macro", "micro", "weighted" or "none" (a value for each class)
---@option top_k 1 a target among the k best scores counts as found
---@option ignore_index nil target that does not count
---@return Metric
function metric.F1Score(options) end

---F score in which recall weighs beta times as much as precision.
---@option beta 2 weight of recall; must be given
---@option num_classes 10 number of classes (also: classes)
---@option average "macro" "macro", "micro", "weighted" or "none" (a value for each class)
---@option top_k 1 a target among the k best scores counts as found
---@option ignore_index nil target that does not count
---@return Metric
function metric.FBetaScore(options) end

---Share of the other classes that is not taken for this one.
---@option num_classes 10 number of classes (also: classes)
---@option average "macro" "macro", "micro", "weighted" or "none" (a value for each class)
---@option top_k 1 a target among the k best scores counts as found
---@option ignore_index nil target that does not count
---@return Metric
function metric.Specificity(options) end

---Right ones over all that are or were called this class.
---@option num_classes 10 number of classes (also: classes)
---@option average "macro" "macro", "micro", "weighted" or "none" (a value for each class)
---@option ignore_index nil target that does not count
---@return Metric
function metric.JaccardIndex(options) end

---Tensor C x C of counts, row = true class.
---Predictions lost to NaN are in :nan_counts() only.
---@option num_classes 10 number of classes (also: classes)
---@option normalize "none" "true" (rows sum to 1), "pred" (columns) or "all"
---@option ignore_index nil target that does not count
---@return Metric
function metric.ConfusionMatrix(options) end

---Agreement beyond chance.
---@option num_classes 10 number of classes (also: classes)
---@option weights "none" "linear" or "quadratic": by distance of the classes
---@option ignore_index nil target that does not count
---@return Metric
function metric.CohenKappa(options) end

---Correlation of predictions and truth.
---@option num_classes 10 number of classes (also: classes)
---@option ignore_index nil target that does not count
---@return Metric
function metric.MatthewsCorrCoef(options) end

---Gap between confidence and accuracy, over bins of confidence.
---@option num_classes 10 number of classes (also: classes)
---@option n_bins 15 number of bins
---@option norm "l1" "l1" (expected), "l2" or "max"
---@option ignore_index nil target that does not count
---@return Metric
function metric.CalibrationError(options) end

---Weighted mean of numbers: update(value, weight).
---@option nan "keep" "ignore" leaves NaN out
---@return Metric
function metric.Mean(options) end

---Sum of numbers: update(value).
---@option nan "keep" "ignore" leaves NaN out
---@return Metric
function metric.Sum(options) end

---Several metrics at once, { name = metric }; those with the same counts share them.
---compute gives { name = value }.
---@return Collection
function metric.Collection(metrics) end
