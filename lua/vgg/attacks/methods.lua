-- The methods that follow the gradient: targeted_adam, fgsm, pgd.
local core = require "vgg.core"
local Attack = require "vgg.attacks.attack"
local objectives = require "vgg.attacks.objectives"
local util = require "vgg.util"

local methods = {}

-- Values of `options` with `defaults` filled in; what is not known fails with a suggestion.
local function take(who, options, defaults)
  options = options or {}
  util.check_options(who, options, defaults, 3)
  local o = {}
  for name, default in pairs(defaults) do
    local value = options[name]
    if value == nil then value = default end
    o[name] = value
  end
  return o
end
methods.take = take

local function choice(who, name, value, choices)
  if not choices[value] then
    util.fail("usage", "%s: no %s '%s'%s. Choices: %s", who, name, tostring(value),
      util.hint(tostring(value), choices), table.concat(util.keys(choices), " "))
  end
  return choices[value]
end
methods.choice = choice

local function count(who, name, value)
  if type(value) ~= "number" or value < 0 or value ~= math.floor(value) then
    util.fail("usage", "%s: %s is a whole number from 0, got %s", who, name, tostring(value))
  end
  return value
end
methods.count = count

local function above(who, name, value, least)
  if type(value) == "number" and value > least then return end
  util.fail("usage", "%s: %s is %s 0, got %s", who, name, least < 0 and "at least" or "above",
    tostring(value))
end

-- ---- Adam on the input, towards a class ----

local function adam_start(_, batch)
  return { m = core.zeros_like(batch.v):keep(), v = core.zeros_like(batch.v):keep() }
end

-- All rows of a batch began together, so that the step of each sample is the step of the batch.
local function adam_step(self, batch, state, gradient, k)
  local v = batch.v
  if v.grad == nil then v:set_grad(gradient) end
  core.optim.adam({ v }, { exp_avg = { state.m }, exp_avg_sq = { state.v }, step = { k - 1 } },
    { lr = self.lr })
end
methods.adam_step = adam_step

-- targeted_adam { lr = 1e-3, max_iter = 100, prob_threshold = 0.99, objective = "logprob", space =
-- "pixel", clamp = true }: gradient ascent by Adam until p(class) > prob_threshold, looked at
-- before each step and for each sample alone.
function methods.targeted_adam(options)
  local o = take("targeted_adam", options, { lr = 1e-3, max_iter = 100, prob_threshold = 0.99,
    objective = "logprob", space = "pixel", clamp = true, kappa = 0 })
  local objective = choice("targeted_adam", "objective", o.objective, objectives)
  choice("targeted_adam", "space", o.space, { pixel = true, norm = true })
  above("targeted_adam", "lr", o.lr, 0)
  return Attack.new {
    name = "targeted_adam", targeted = true, objective_name = o.objective, lr = o.lr,
    space = o.space, clamp = o.clamp,
    max_iter = count("targeted_adam", "max_iter", o.max_iter), threshold = o.prob_threshold,
    reach = o.lr * o.max_iter,
    objective = function(logits, classes) return objective(logits, classes, true, o.kappa) end,
    words = ("Adam on %s, objective %s, lr %g, at most %d steps, until p > %g%s"):format(
      o.space == "norm" and "normalised inputs" or "pixels", o.objective, o.lr, o.max_iter,
      o.prob_threshold, o.clamp and "" or ", not clamped"),
    start = adam_start, step = adam_step, recordable = true, refill = adam_step,
  }
end

-- ---- FGSM and PGD: steps of a fixed size, inside a ball around the image ----

local function row_norm(x) return x:flatten(2):norm(2):reshape(x.shape[1], 1, 1, 1) end

-- The direction of steepest descent in the norm of the ball.
local directions = {
  linf = function(g) return -g:sign() end,
  l2 = function(g) return -g / row_norm(g):clamp(1e-12, math.huge) end,
}

local projections = {
  linf = function(v, clean, eps) return v:maximum(clean - eps):minimum(clean + eps) end,
  l2 = function(v, clean, eps)
    local delta = v - clean
    return clean + delta * (eps / row_norm(delta):clamp(1e-12, math.huge)):clamp(0, 1)
  end,
}

local function random_start(o, batch)
  local v, noise = batch.v, core.zeros_like(batch.v)
  if o.norm == "linf" then
    noise:uniform_(-o.eps, o.eps)
  else
    noise:normal_(0, 1)
    local radius = core.zeros { v.shape[1], 1, 1, 1 }:uniform_(0, 1):pow(1 / (v.numel / v.shape[1]))
    noise = noise / row_norm(noise) * radius:to(v.device) * o.eps
  end
  v:add_(noise)
  batch.space.clip(v)
end

local function ball(name, o, words)
  local objective = choice(name, "objective", o.objective, objectives)
  choice(name, "norm", o.norm, projections)
  above(name, "eps", o.eps, -1e-30)
  return Attack.new {
    name = name, targeted = o.targeted, max_iter = count(name, "steps", o.steps), space = "pixel",
    clamp = true, words = words, reach = o.eps, recordable = true,
    threshold = o.stop and (type(o.stop) == "number" and o.stop or 0.5) or false,
    objective = function(logits, classes)
      return objective(logits, classes, o.targeted, o.kappa)
    end,
    start = function(_, batch)
      if o.random_start then random_start(o, batch) end
      return o.momentum > 0 and { m = core.zeros_like(batch.v):keep() } or {}
    end,
    step = function(_, batch, state, g)
      if state.m then
        local mean = g:abs():flatten(2):sum(2):reshape(g.shape[1], 1, 1, 1)
        state.m:copy_(state.m * o.momentum + g / mean:clamp(1e-12, math.huge))
        g = state.m
      end
      local moved = batch.v + directions[o.norm](g) * o.alpha
      batch.v:copy_(projections[o.norm](moved, batch.clean, o.eps))
    end,
  }
end

-- fgsm { eps = 8/255, norm = "linf", targeted = false, objective = "logprob" }: one step to the
-- edge of the ball.
function methods.fgsm(options)
  local o = take("fgsm", options, { eps = 8 / 255, norm = "linf", targeted = false,
    objective = "logprob", kappa = 0 })
  o.steps, o.alpha, o.momentum = 1, o.eps, 0
  return ball("fgsm", o, ("one step of %.4g (%s), %s"):format(o.eps, o.norm,
    o.targeted and "targeted" or "untargeted"))
end

-- pgd { eps = 8/255, alpha = 2.5 eps / steps, steps = 10, norm = "linf" or "l2", targeted = false,
-- random_start = true, momentum = 0, objective = "logprob", stop = false }. stop: a row rests once
-- the network is fooled (targeted: once p(class) is above 0.5, or the number given).
function methods.pgd(options)
  local o = take("pgd", options, { eps = 8 / 255, alpha = false, steps = 10, norm = "linf",
    targeted = false, random_start = true, momentum = 0, objective = "logprob", stop = false,
    kappa = 0 })
  o.alpha = o.alpha or 2.5 * o.eps / math.max(o.steps, 1)
  return ball("pgd", o, ("%d steps of %.4g within %.4g (%s), %s"):format(o.steps, o.alpha, o.eps,
    o.norm, o.targeted and "targeted" or "untargeted"))
end

return methods
