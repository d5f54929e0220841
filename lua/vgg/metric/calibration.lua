-- Expected calibration error: { num_classes =, n_bins = 15, norm = "l1" | "l2" | "max",
-- ignore_index = }. Scores are used as probabilities if a whole batch lies in 0..1, else softmax is
-- applied, as torchmetrics does. Scores with a NaN are left out.
local core = require "vgg.core"
local Counts = require "vgg.metric.counts"
local Metric = require "vgg.metric.base"

return Metric.kind("MulticlassCalibrationError", {
  higher_is_better = false,
  defaults = { num_classes = false, n_bins = 15, norm = "l1", ignore_index = Metric.none },
  check = function(self)
    Metric.check_whole(self, "num_classes", 2)
    Metric.check_whole(self, "n_bins", 1)
    Metric.check_one_of(self, "norm", "l1", "l2", "max")
  end,
  start = function(self)
    self.bins = Counts.new(self.n_bins + 1, 3, function(t, scores, target)
      if scores.ndim < 2 or scores.shape[2] ~= self.num_classes then
        error(("%s: want scores N x %d, got %s"):format(self.name, self.num_classes,
          table.concat(scores.shape, "x")), 4)
      end
      core.metric.calibration(t, scores, target, self.ignore_index)
    end)
  end,
  update = function(self, scores, target) self.bins:update(scores, target) end,
  compute = function(self) return core.metric.calibration_error(self.bins:tensor(), self.norm) end,
  reset = function(self) self.bins:reset() end,
  merge = function(self, other) self.bins:merge(other.bins) end,
  state = function(self) return self.bins:state() end,
  load_state = function(self, state) self.bins:load_state(state) end,
})
