-- Callbacks of the trainer. A callback is a table with methods named after hooks, each called with
-- the trainer: setup, on_fit_start, on_train_epoch_start, on_train_batch_start, on_train_batch_end,
-- on_before_optimizer_step, on_train_step_end, on_step_boundary, on_log_step, on_train_epoch_end,
-- on_validation_epoch_start, on_validation_batch_end, on_validation_epoch_end, on_epoch_end,
-- on_test_epoch_start, on_test_batch_end, on_test_epoch_end, on_fit_end, on_exception, and
-- on_cost_change when a step will take another time. With `name`, state() and load_state(s,
-- trainer) it is part of the checkpoints; `order` places it among the others.
local callbacks = {}

local from = {
  Checkpoint = "checkpoint", EarlyStopping = "early_stopping", LearningRateMonitor = "lr_monitor",
  ChanceLevel = "chance_level", ConfusionMatrix = "confusion_matrix", Progress = "progress",
  Estimate = "estimate", Freeze = "freeze", Pictures = "pictures",
  EpochPictures = "epoch_pictures", Attach = "attach", Watch = "watch",
  Profile = "profile",
}

return setmetatable(callbacks, {
  __names = from,
  __index = function(self, name)
    if not from[name] then return nil end
    local value = require("vgg.callbacks." .. from[name]).new
    rawset(self, name, value)
    return value
  end,
})
