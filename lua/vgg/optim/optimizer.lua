-- What all optimizers share: parameter groups, zero_grad, state dicts. A kind gives `name`,
-- `defaults` (options and their values), `slots` (names of its state tensors), `check(options)`
-- and `update(group, scaling)`, where scaling is what :step takes.
local core = require "vgg.core"
local params = require "vgg.optim.params"
local util = require "vgg.util"

local Optimizer = {}
Optimizer.__index = Optimizer

local function fail(level, fmt, ...) error(fmt:format(...), level + 1) end

local function known_options(kind)
  local known = {}
  for name in pairs(kind.defaults) do known[name] = true end
  return known
end

-- Groups never share a table such as betas.
local function own_copy(value)
  if type(value) ~= "table" then return value end
  local copy = {}
  for i, v in ipairs(value) do copy[i] = v end
  return copy
end

-- Fills in what a group does not say itself, and gives it empty state.
local function complete(kind, group, options, level)
  local own = {}
  for key, value in pairs(group) do
    if key ~= "params" and key ~= "names" then own[key] = value end
  end
  util.check_options(kind.name, own, known_options(kind), level + 1)
  for name, value in pairs(kind.defaults) do
    if group[name] == nil then group[name] = own_copy(options[name]) end
    if group[name] == nil then group[name] = own_copy(value) end
  end
  local ok, why = pcall(kind.check, group)
  if not ok then fail(level + 1, "%s: %s", kind.name, why) end
  group.initial_lr = group.lr
  group.state = { step = {} }
  for _, slot in ipairs(kind.slots) do group.state[slot] = {} end
  for i = 1, #group.params do
    group.state.step[i] = 0
    for _, slot in ipairs(kind.slots) do group.state[slot][i] = false end
  end
end

-- Makes an instance of a kind from the constructor's table.
function Optimizer.new(kind, spec)
  if type(spec) ~= "table" then
    fail(3, "%s: want a table { parameters, lr = ... }", kind.name)
  end
  local options = {}
  for key, value in pairs(spec) do
    if type(key) == "string" and key ~= "names" then options[key] = value end
  end
  util.check_options(kind.name, options, known_options(kind), 3)
  local ok, groups = pcall(params.groups, kind.name, spec)
  if not ok then fail(3, "%s", groups) end
  local fine, why = pcall(params.check, kind.name, groups)
  if not fine then fail(3, "%s", why) end
  for _, group in ipairs(groups) do complete(kind, group, options, 3) end
  return setmetatable({ param_groups = groups, name = kind.name }, kind)
end

-- Adds a group later: { parameters, lr = ... }.
function Optimizer:add_param_group(spec)
  local ok, groups = pcall(params.groups, self.name, { spec })
  if not ok then fail(2, "%s", groups) end
  local all = {}
  for _, group in ipairs(self.param_groups) do all[#all + 1] = group end
  all[#all + 1] = groups[1]
  local fine, why = pcall(params.check, self.name, all)
  if not fine then fail(2, "%s", why) end
  complete(getmetatable(self), all[#all], {}, 2)
  self.param_groups = all
end

local scalings = { grad_scale = true, squares = true, max_norm = true }

-- One step for every parameter that has a gradient. options.grad_scale multiplies the gradients
-- on the way (clipping without a pass of its own); options.squares (the second result of
-- core.optim.grad_norm_tensor) with options.max_norm clips them on the way, on a device that can.
function Optimizer:step(options)
  options = options or {}
  util.check_options(self.name .. ":step", options, scalings, 2)
  if (options.squares == nil) ~= (options.max_norm == nil) then
    fail(2, "%s:step: squares and max_norm go together", self.name)
  end
  for _, group in ipairs(self.param_groups) do self.update(group, options) end
end

-- Lets go of all gradients; their memory is used again by the next backward.
function Optimizer:zero_grad()
  for _, group in ipairs(self.param_groups) do core.optim.zero_grad(group.params) end
end

-- All parameters, one array.
function Optimizer:parameters()
  local all = {}
  for _, group in ipairs(self.param_groups) do
    for _, tensor in ipairs(group.params) do all[#all + 1] = tensor end
  end
  return all
end

-- Flat table: tensors "exp_avg.<parameter>", and plain values kind, steps (by parameter) and
-- groups (options and names of their parameters). The tensors are the living ones, not copies.
function Optimizer:state_dict()
  local kind = getmetatable(self)
  local dict = { kind = self.name, steps = {}, groups = {} }
  for g, group in ipairs(self.param_groups) do
    local plain = { params = {}, initial_lr = group.initial_lr }
    for name in pairs(kind.defaults) do plain[name] = own_copy(group[name]) end
    for i, name in ipairs(group.names) do
      plain.params[i] = name
      if group.state.step[i] > 0 then dict.steps[name] = group.state.step[i] end
      for _, slot in ipairs(kind.slots) do
        local tensor = group.state[slot][i]
        if tensor then dict[slot .. "." .. name] = tensor end
      end
    end
    dict.groups[g] = plain
  end
  return dict
end

local function check_fit(self, dict)
  local groups = dict.groups or {}
  if dict.kind ~= self.name then
    fail(3, "load_state_dict: the state is of %s, this is %s", tostring(dict.kind), self.name)
  end
  if #groups ~= #self.param_groups then
    fail(3, "load_state_dict: %d parameter groups in the state, %d here", #groups,
      #self.param_groups)
  end
  for g, group in ipairs(self.param_groups) do
    local names = groups[g].params or {}
    for i = 1, math.max(#names, #group.names) do
      if names[i] ~= group.names[i] then
        fail(3, "load_state_dict: parameter %d of group %d is '%s' in the state, '%s' here", i, g,
          tostring(names[i]), tostring(group.names[i]))
      end
    end
  end
end

-- Copies the values of a tensor into new memory next to the parameter.
local function adopt(parameter, tensor, name)
  if table.concat(tensor.shape, "x") ~= table.concat(parameter.shape, "x") then
    fail(4, "load_state_dict: %s is %s, its parameter %s", name,
      table.concat(tensor.shape, "x"), table.concat(parameter.shape, "x"))
  end
  return core.optim.copy(tensor, parameter):keep()
end

-- Takes what state_dict gave; names, groups and shapes must fit, and then everything is replaced.
function Optimizer:load_state_dict(dict)
  check_fit(self, dict)
  local kind, fresh = getmetatable(self), {}
  for g, group in ipairs(self.param_groups) do
    local state = { step = {} }
    for _, slot in ipairs(kind.slots) do state[slot] = {} end
    for i, name in ipairs(group.names) do
      state.step[i] = dict.steps and dict.steps[name] or 0
      for _, slot in ipairs(kind.slots) do
        local key = slot .. "." .. name
        state[slot][i] = dict[key] and adopt(group.params[i], dict[key], key) or false
      end
    end
    fresh[g] = state
  end
  for g, group in ipairs(self.param_groups) do
    group.state = fresh[g]
    for name in pairs(kind.defaults) do
      if dict.groups[g][name] ~= nil then group[name] = own_copy(dict.groups[g][name]) end
    end
    group.initial_lr = dict.groups[g].initial_lr or group.lr
  end
end

local function value_text(v)
  return type(v) == "table" and "{" .. table.concat(v, ", ") .. "}" or tostring(v)
end

function Optimizer:__tostring()
  local kind, lines = getmetatable(self), {}
  for g, group in ipairs(self.param_groups) do
    local count, parts = 0, {}
    for _, tensor in ipairs(group.params) do count = count + tensor.numel end
    for _, name in ipairs(util.keys(kind.defaults)) do
      parts[#parts + 1] = name .. " " .. value_text(group[name])
    end
    lines[g] = ("%s  %d tensors, %s values: %s"):format(self.name, #group.params,
      util.count(count), table.concat(parts, ", "))
  end
  return table.concat(lines, "\n")
end

-- A new kind: a callable class.
function Optimizer.kind(name, kind)
  kind.name = name
  kind.__index = kind
  kind.__tostring = Optimizer.__tostring
  return setmetatable(kind, {
    __index = Optimizer,
    __call = function(_, spec) return Optimizer.new(kind, spec) end,
    __tostring = function() return "optim." .. name end,
  })
end

return Optimizer
