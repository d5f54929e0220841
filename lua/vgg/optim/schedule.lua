-- Learning-rate schedules. Each is a closed form of the number of step() calls, equal to PyTorch's
-- class of the alias; construction sets the rates of step 0. Without an optimizer in the array part
-- a constructor gives a function(optimizer), for configurations written before the optimizer is.
-- `interval` ("step" or "epoch") says when a trainer calls step(). After the last defined step
-- OneCycle keeps its last rate.
local util = require "vgg.util"

local Schedule = {}
Schedule.__index = Schedule

local function fail(fmt, ...) error(fmt:format(...), 0) end

-- Sets every group to the rates of step i.
local function apply(self, i)
  self.last_step = i
  for g, group in ipairs(self.optimizer.param_groups) do
    group.lr = self.rate(self, i, self.base_lrs[g], g)
    if self.momentum then
      local m = self.momentum(self, i)
      if group.betas then group.betas[1] = m else group.momentum = m end
    end
  end
end

function Schedule:step() apply(self, self.last_step + 1) end

-- The rates in force, one a group.
function Schedule:get_last_lr()
  local rates = {}
  for g, group in ipairs(self.optimizer.param_groups) do rates[g] = group.lr end
  return rates
end

-- The rate of step i (0 is the start) for a group, without changing anything.
function Schedule:at(i, group)
  group = group or 1
  return self.rate(self, i, self.base_lrs[group], group)
end

function Schedule:state_dict()
  local base = {}
  for g, lr in ipairs(self.base_lrs) do base[g] = lr end
  return { kind = self.name, last_step = self.last_step, base_lrs = base }
end

function Schedule:load_state_dict(dict)
  if dict.kind ~= self.name then
    error(("load_state_dict: the state is of %s, this is %s"):format(tostring(dict.kind),
      self.name), 2)
  end
  if #dict.base_lrs ~= #self.base_lrs then
    error(("load_state_dict: %d groups in the state, %d here"):format(#dict.base_lrs,
      #self.base_lrs), 2)
  end
  for g, lr in ipairs(dict.base_lrs) do self.base_lrs[g] = lr end
  apply(self, dict.last_step)
end

local function whole(o, name, low)
  local v = o[name]
  if type(v) ~= "number" or v < low or v ~= math.floor(v) then
    fail("%s must be a whole number >= %d, got %s", name, low, tostring(v))
  end
end

local function number(o, name)
  if type(o[name]) ~= "number" then fail("%s must be a number, got %s", name, tostring(o[name])) end
end

-- ---- the closed forms: check(options) and rate(self, step, base, group) ----

local kinds = {}

kinds.Constant = { defaults = {}, check = function() end,
  rate = function(_, _, base) return base end }

kinds.Step = { defaults = { step_size = false, gamma = 0.1 },
  check = function(o) whole(o, "step_size", 1) number(o, "gamma") end,
  rate = function(o, i, base) return base * o.gamma ^ math.floor(i / o.step_size) end }

kinds.MultiStep = { defaults = { milestones = false, gamma = 0.1 },
  check = function(o)
    if type(o.milestones) ~= "table" then fail("milestones must be an array of steps") end
    number(o, "gamma")
  end,
  rate = function(o, i, base)
    local passed = 0
    for _, m in ipairs(o.milestones) do if i >= m then passed = passed + 1 end end
    return base * o.gamma ^ passed
  end }

kinds.Exponential = { defaults = { gamma = false }, check = function(o) number(o, "gamma") end,
  rate = function(o, i, base) return base * o.gamma ^ i end }

kinds.Cosine = { defaults = { T_max = false, eta_min = 0 },
  check = function(o) whole(o, "T_max", 1) number(o, "eta_min") end,
  rate = function(o, i, base)
    return o.eta_min + (base - o.eta_min) * (1 + math.cos(math.pi * i / o.T_max)) / 2
  end }

-- From start_factor to 1 in `steps`, then constant or, with `after`, that schedule from its start.
kinds.WarmUp = { defaults = { steps = false, start_factor = 1 / 3, after = false },
  check = function(o)
    whole(o, "steps", 1)
    number(o, "start_factor")
    if type(o.after) == "function" then o.after = o.after(o.optimizer) end
    if o.after and type(o.after) ~= "table" then fail("after must be a schedule") end
  end,
  rate = function(o, i, base, group)
    if i < o.steps or not o.after then
      return base * (o.start_factor + (1 - o.start_factor) * math.min(1, i / o.steps))
    end
    return o.after.rate(o.after, i - o.steps, base, group)
  end }

local anneal = {
  cos = function(from, to, share) return to + (from - to) / 2 * (1 + math.cos(math.pi * share)) end,
  linear = function(from, to, share) return from + (to - from) * share end,
}

-- Where step i lies: phase 1, 2 or 3 and the share of it that is done. The phases end at these
-- (fractional) steps, as in PyTorch.
local function phase(o, i)
  local up = o.pct_start * o.total_steps - 1
  local ends = o.three_phase and { up, 2 * up, o.total_steps - 1 } or { up, o.total_steps - 1 }
  local from = 0
  i = math.min(i, o.total_steps - 1)
  for p, stop in ipairs(ends) do
    if i <= stop or p == #ends then
      return p, stop > from and (i - from) / (stop - from) or 1, #ends
    end
    from = stop
  end
end

kinds.OneCycle = {
  defaults = { max_lr = false, total_steps = false, pct_start = 0.3, anneal = "cos",
    cycle_momentum = true, base_momentum = 0.85, max_momentum = 0.95, div_factor = 25,
    final_div_factor = 1e4, three_phase = false },
  check = function(o)
    whole(o, "total_steps", 1)
    if type(o.max_lr) ~= "table" then number(o, "max_lr") end
    if not anneal[o.anneal] then fail("anneal must be cos or linear") end
    if type(o.pct_start) ~= "number" or o.pct_start < 0 or o.pct_start > 1 then
      fail("pct_start must lie in 0..1, got %s", tostring(o.pct_start))
    end
    if o.cycle_momentum then
      o.momentum = function(self, i)
        local p, share = phase(self, i)
        local low, high = self.base_momentum, self.max_momentum
        if p == 3 then return high end
        if p == 1 then return anneal[self.anneal](high, low, share) end
        return anneal[self.anneal](low, high, share)
      end
    end
  end,
  rate = function(o, i, _, group)
    local high = type(o.max_lr) == "table" and o.max_lr[group] or o.max_lr
    local first = high / o.div_factor
    local final = first / o.final_div_factor
    local p, share, last = phase(o, i)
    local points = last == 3 and { first, high, first, final } or { first, high, final }
    return anneal[o.anneal](points[p], points[p + 1], share)
  end }

-- ---- constructors ----

local function attach(name, kind, options, optimizer)
  local self = setmetatable({ name = name, optimizer = optimizer, rate = kind.rate }, Schedule)
  self.interval = options.interval or "step"
  for key, value in pairs(kind.defaults) do
    if options[key] ~= nil then value = options[key] end
    self[key] = value
  end
  self.base_lrs = {}
  for g, group in ipairs(optimizer.param_groups) do
    self.base_lrs[g] = group.initial_lr or group.lr
  end
  kind.check(self)
  apply(self, 0)
  return self
end

local function constructor(name, kind)
  local known = { interval = true }
  for key in pairs(kind.defaults) do known[key] = true end
  return function(options)
    options = options or {}
    local who = "schedule." .. name
    local plain = {}
    for key, value in pairs(options) do if type(key) == "string" then plain[key] = value end end
    util.check_options(who, plain, known, 2)
    if plain.interval and plain.interval ~= "step" and plain.interval ~= "epoch" then
      error(who .. ": interval must be step or epoch", 2)
    end
    local function make(optimizer)
      if type(optimizer) ~= "table" or not optimizer.param_groups then
        error(who .. ": want an optimizer as the first element", 3)
      end
      local ok, result = pcall(attach, name, kind, plain, optimizer)
      if not ok then error(who .. ": " .. tostring(result), 3) end
      return result
    end
    if options[1] == nil then return function(optimizer) return make(optimizer) end end
    local made = make(options[1])
    return made
  end
end

local schedule = {}
for name, kind in pairs(kinds) do schedule[name] = constructor(name, kind) end
for alias, name in pairs { CosineAnnealingLR = "Cosine", OneCycleLR = "OneCycle", StepLR = "Step",
  MultiStepLR = "MultiStep", ExponentialLR = "Exponential" } do
  schedule[alias] = schedule[name]
end
return schedule
