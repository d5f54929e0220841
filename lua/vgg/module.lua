-- nn.Module: a tree of layers. Children and tensors keep the order and the names of PyTorch, so
-- that state dicts fit. Assigning a module or a tensor that wants a gradient registers it.
local core = require "vgg.core"
local class = require "vgg.class"
local util = require "vgg.util"
local calls = require "vgg.nn.calls"

local Module = class "Module"
Module.is_module = true
Module.transient = false  -- true: forward gives a new tensor and keeps nothing (see Sequential)
Module.fuses_relu = false -- true: forward(x, true) also applies a ReLU
Module.fuses_pool = false -- true: forward(x, true, windows) max_pool2d(windows) to that as well

function Module.fresh()
  return {
    training = true,
    _order = {}, _modules = {},                   -- children: names in order, name -> module
    _names = {}, _tensors = {}, _buffers = {},    -- own tensors: names in order, name -> tensor
    _hooks = false, _pre_hooks = false,           -- arrays once there are any
    _frozen = false, _in = false, _out = false,   -- shapes of the first forward
  }
end

function Module.is(value)
  local class_of = type(value) == "table" and getmetatable(value)
  return type(class_of) == "table" and class_of.is_module == true
end

local tensor_metatable
local function is_tensor(value)
  if type(value) ~= "userdata" then return false end
  tensor_metatable = tensor_metatable or getmetatable(core.tensor(0))
  return getmetatable(value) == tensor_metatable
end

-- class method, child (by name or 1-based position) or tensor; anything else is a mistake.
function Module.__index(self, key)
  local value = getmetatable(self)[key]
  if value ~= nil then return value end
  local modules = rawget(self, "_modules")
  value = modules[key]
  if value ~= nil then return value end
  value = rawget(self, "_tensors")[key]
  if value ~= nil then return value end
  local order = rawget(self, "_order")
  if type(key) == "number" then
    if order[key] then return modules[order[key]] end
    calls.mistake("no layer %s in %s: it has %d", tostring(key), self.__name, #order)
  end
  calls.mistake("no field '%s' in %s%s", tostring(key), self.__name,
    util.hint(tostring(key), self:fields()))
end

function Module.__newindex(self, key, value)
  if Module.is(value) then
    self:add_module(key, value)
  elseif is_tensor(value) and rawget(self, "_buffers")[key] then
    self:register_buffer(key, value)
  elseif is_tensor(value) and (value.requires_grad or rawget(self, "_tensors")[key]) then
    self:register_parameter(key, value)
  else
    rawset(self, key, value)
  end
end

local function check_name(self, key, what)
  if type(key) ~= "string" or key == "" or key:find(".", 1, true) then
    calls.mistake("%s: a %s needs a name without dots, got '%s'", self.__name, what,
      tostring(key))
  end
  if getmetatable(self)[key] ~= nil then
    calls.mistake("%s: '%s' is a method and cannot name a %s", self.__name, key, what)
  end
end

function Module:add_module(name, module)
  check_name(self, name, "child")
  if not Module.is(module) then
    calls.mistake("%s: child '%s' is a %s, not a module", self.__name, name, type(module))
  end
  if not self._modules[name] then self._order[#self._order + 1] = name end
  self._modules[name] = module
  return module
end

local function register(self, name, tensor, is_buffer)
  check_name(self, name, is_buffer and "buffer" or "parameter")
  if not is_tensor(tensor) then
    calls.mistake("%s: '%s' is a %s, not a tensor", self.__name, name, type(tensor))
  end
  if not self._tensors[name] then self._names[#self._names + 1] = name end
  self._tensors[name] = tensor:keep()
  self._buffers[name] = is_buffer or nil
  return tensor
end

function Module:register_parameter(name, tensor)
  register(self, name, tensor:requires_grad_(true), false)
  return tensor
end

-- State that is saved and moved but not trained.
function Module:register_buffer(name, tensor) return register(self, name, tensor, true) end

-- ---- changing ----

-- fn(module) on every module, children before their parents.
function Module:apply(fn)
  for _, name in ipairs(self._order) do self._modules[name]:apply(fn) end
  fn(self)
  return self
end

-- Training or evaluation mode of the whole tree; what is frozen stays in evaluation mode.
function Module:train(mode)
  if mode == nil then mode = true end
  if type(mode) ~= "boolean" then calls.mistake "train: want true or false" end
  return self:apply(function(module) module:set_training(mode and not module._frozen) end)
end

function Module:eval() return self:train(false) end

-- What one module does on a change of mode; the leaves of C tell their layer.
function Module:set_training(mode) rawset(self, "training", mode) end

function Module:requires_grad_(on)
  if on == nil then on = true end
  for _, tensor in self:named_parameters() do
    tensor:requires_grad_(on)
    if not on then tensor:set_grad(nil) end
  end
  return self
end

-- No gradients and no new running statistics for this part until freeze(false).
function Module:freeze(on)
  if on == nil then on = true end
  self:requires_grad_(not on)
  return self:apply(function(module)
    rawset(module, "_frozen", on)
    module:set_training(not on)
  end)
end

function Module:zero_grad()
  for _, tensor in self:named_parameters() do tensor:set_grad(nil) end
  return self
end

local formats = { channels_last = true, contiguous_format = true }

-- Moves every tensor in place: who holds a parameter keeps it. Takes a device ("cpu", "cuda",
-- "cuda:1") or { device =, memory_format = }: in "channels_last" the parameters of 4 dimensions
-- have their channels innermost, as GPUs want them; "contiguous_format" takes that back.
function Module:to(where)
  if type(where) == "string" then where = { device = where } end
  if type(where) ~= "table" then calls.mistake "to: want the name of a device" end
  util.check_options("to", where, { device = true, memory_format = true }, 2)
  local format = where.memory_format
  if format and not formats[format] then
    calls.mistake("to: memory_format is 'channels_last' or 'contiguous_format', got '%s'",
      tostring(format))
  end
  core.scope(function()
    local function move(tensor)
      local moved = tensor:detach()
      if where.device then moved = moved:to(where.device) end
      if format and #moved.shape == 4 then moved = moved:contiguous(format) end
      core.layer.become_(tensor, moved)
    end
    for _, tensor in self:named_parameters() do move(tensor) end
    for _, tensor in self:named_buffers() do move(tensor) end
  end)
  return self
end

-- ---- calling ----

local function add_hook(self, list, fn)
  if type(fn) ~= "function" then calls.mistake("a hook is a function, got a %s", type(fn)) end
  local hooks = rawget(self, list) or {}
  rawset(self, list, hooks)
  hooks[#hooks + 1] = fn
  return {
    remove = function()
      for i, hook in ipairs(hooks) do
        if hook == fn then table.remove(hooks, i) break end
      end
      if #hooks == 0 and rawget(self, list) == hooks then rawset(self, list, false) end
    end,
  }
end

-- register_forward_hook([path,] fn): fn(module, input, output) runs after each forward and may
-- return another output. Gives a handle with remove().
function Module:register_forward_hook(path, fn)
  if fn ~= nil then return self:get(path):register_forward_hook(fn) end
  return add_hook(self, "_hooks", path)
end

-- The same before the forward: fn(module, input) may return another input.
function Module:register_forward_pre_hook(path, fn)
  if fn ~= nil then return self:get(path):register_forward_pre_hook(fn) end
  return add_hook(self, "_pre_hooks", path)
end

Module.__call = calls.call

function Module:forward()
  error(("%s has no forward"):format(self.__name), 0)
end

-- What this module is, on one line: "Conv2d 3 -> 64" and "kernel 3, pad 1".
function Module:describe() return self.__name, "" end

function Module:extend(name) return class(name, self) end

-- ---- the rest of the family, each in its file ----

for _, part in ipairs { "walk", "state", "show", "trace" } do
  for name, method in pairs(require("vgg.nn." .. part)) do Module[name] = method end
end

return Module
