-- SGD: { parameters, lr = 1e-3, momentum = 0, dampening = 0, weight_decay = 0, nesterov = false }.
local core = require "vgg.core"
local Optimizer = require "vgg.optim.optimizer"

local function check(group)
  for _, name in ipairs { "lr", "momentum", "weight_decay" } do
    local v = group[name]
    if type(v) ~= "number" or v < 0 or v ~= v then
      error(("%s must be a number >= 0, got %s"):format(name, tostring(v)), 0)
    end
  end
  if type(group.dampening) ~= "number" then error("dampening must be a number", 0) end
  if group.nesterov and (group.momentum == 0 or group.dampening ~= 0) then
    error("nesterov needs momentum > 0 and dampening = 0", 0)
  end
end

return Optimizer.kind("SGD", {
  defaults = { lr = 1e-3, momentum = 0, dampening = 0, weight_decay = 0, nesterov = false },
  slots = { "momentum_buffer" },
  check = check,
  update = function(group, scaling)
    core.optim.sgd(group.params, group.state, {
      lr = group.lr, momentum = group.momentum, dampening = group.dampening,
      weight_decay = group.weight_decay, nesterov = group.nesterov,
      grad_scale = scaling.grad_scale, squares = scaling.squares, max_norm = scaling.max_norm,
    })
  end,
})
