-- Optimizers, schedules and gradient clipping. The arithmetic is PyTorch's, one fused pass in C.
local params = require "vgg.optim.params"
local core = require "vgg.core"

local optim = {
  Adam = require("vgg.optim.adam").Adam,
  AdamW = require("vgg.optim.adam").AdamW,
  SGD = require "vgg.optim.sgd",
  schedule = require "vgg.optim.schedule",
}

-- Scales all gradients so that their total 2-norm is at most max_norm; returns the norm before.
function optim.clip_grad_norm(parameters, max_norm)
  return core.optim.clip_grad_norm(params.tensors("clip_grad_norm", parameters), max_norm)
end

-- Clamps every gradient value to -bound..bound.
function optim.clip_grad_value(parameters, bound)
  core.optim.clip_grad_value(params.tensors("clip_grad_value", parameters), bound)
end

-- Total 2-norm of all gradients, which stay as they are.
function optim.grad_norm(parameters)
  return core.optim.grad_norm(params.tensors("grad_norm", parameters))
end

return optim
