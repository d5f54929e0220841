-- Warns when the loss stays at ln(classes), the value of guessing, for `steps` steps.
local util = require "vgg.util"

local ChanceLevel = { name = "chance_level", replayable = true, deferred = true }
ChanceLevel.__index = ChanceLevel

-- ChanceLevel { steps = 500, tolerance = 0.01 }
function ChanceLevel.new(o)
  o = o or {}
  util.check_options("ChanceLevel", o, { steps = true, tolerance = true })
  return setmetatable({ steps = o.steps or 500, tolerance = o.tolerance or 0.01, stayed = 0 },
    ChanceLevel)
end

local function has_batch_norm(model)
  for name in pairs(model:state_dict()) do
    if name:match "running_mean$" then return true end
  end
  return false
end

-- Norm of the gradient of the first parameter, read before the step clears it.
local function first_gradient(trainer)
  local p = trainer.parameters[1]
  local g = p and p.grad
  if not g then return 0 end
  return require("vgg.core").scope(function() return (g * g):sum():item() end) ^ 0.5
end

function ChanceLevel:on_before_optimizer_step(trainer)
  if self.stayed + 1 == self.steps then self.gradient = first_gradient(trainer) end
end

-- The mean over about 50 steps, so that the noise of batches does not hide it.
function ChanceLevel:on_train_step_end(trainer, step)
  if step.replayed and not step.arrived then return end -- called again when the loss is there
  local classes = trainer.scores.train.classes
  if not classes or self.told then return end
  local chance = math.log(classes)
  self.mean = self.mean and self.mean + (step.loss - self.mean) / 50 or step.loss
  self.stayed = math.abs(self.mean - chance) <= self.tolerance * chance and self.stayed + 1 or 0
  if self.stayed < self.steps then return end
  self.told = true
  util.log("warn", "train: loss has stayed at %.3f = ln(%d), chance level, for %d steps; "
    .. "first-layer gradient norm %.0e. %s", self.mean, classes, self.steps, self.gradient or 0,
    has_batch_norm(trainer.task.model) and "Try a smaller --lr, and look at the labels"
    or "VGG without batch norm starts badly from default initialisation: try --batchnorm")
end

function ChanceLevel:state()
  return { stayed = self.stayed, mean = self.mean, told = self.told }
end

function ChanceLevel:load_state(s) self.stayed, self.mean, self.told = s.stayed, s.mean, s.told end

return ChanceLevel
