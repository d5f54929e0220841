-- Logs the learning rate of every parameter group: lr-Adam, or lr-Adam/pg1, lr-Adam/pg2, ...
local LearningRateMonitor = { name = "lr_monitor" }
LearningRateMonitor.__index = LearningRateMonitor

function LearningRateMonitor.new() return setmetatable({}, LearningRateMonitor) end

-- The rate the step used, not the one a schedule has set since.
function LearningRateMonitor:on_log_step(_, row, step)
  self.used = step.lr
  for _, lr in ipairs(step.lr) do row[lr.name] = lr.value end
end

function LearningRateMonitor:on_train_step_end(_, step) self.used = step.lr end

function LearningRateMonitor:on_train_epoch_end(trainer, row)
  for _, lr in ipairs(self.used or trainer:learning_rates()) do row[lr.name] = lr.value end
end

return LearningRateMonitor
