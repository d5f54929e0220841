-- Adam and AdamW: { parameters, lr = 1e-3, betas = { 0.9, 0.999 }, eps = 1e-8, weight_decay = 0 }.
-- Adam adds the decay to the gradient, AdamW shrinks the weights (default 0.01), as PyTorch.
local core = require "vgg.core"
local Optimizer = require "vgg.optim.optimizer"

local function at_least_zero(group, name)
  local v = group[name]
  if type(v) ~= "number" or v < 0 or v ~= v then
    error(("%s must be a number >= 0, got %s"):format(name, tostring(v)), 0)
  end
end

local function check(group)
  for _, name in ipairs { "lr", "eps", "weight_decay" } do at_least_zero(group, name) end
  local betas = group.betas
  if type(betas) ~= "table" or #betas ~= 2 then error("betas must be a pair of numbers", 0) end
  for _, beta in ipairs(betas) do
    if type(beta) ~= "number" or not (beta >= 0 and beta < 1) then
      error(("betas must lie in 0 <= beta < 1, got %s"):format(tostring(beta)), 0)
    end
  end
end

local function make(name, decoupled, weight_decay)
  return Optimizer.kind(name, {
    defaults = { lr = 1e-3, betas = { 0.9, 0.999 }, eps = 1e-8, weight_decay = weight_decay },
    slots = { "exp_avg", "exp_avg_sq" },
    check = check,
    update = function(group, scaling)
      core.optim.adam(group.params, group.state, {
        lr = group.lr, beta1 = group.betas[1], beta2 = group.betas[2], eps = group.eps,
        weight_decay = group.weight_decay, decoupled = decoupled,
        grad_scale = scaling.grad_scale, squares = scaling.squares, max_norm = scaling.max_norm,
      })
    end,
  })
end

return { Adam = make("Adam", false, 0), AdamW = make("AdamW", true, 0.01) }
