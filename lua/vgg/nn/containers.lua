-- Modules that hold modules: Sequential, ModuleList, Residual, and the small glue between them.
local class = require "vgg.class"
local Module = require "vgg.module"
local calls = require "vgg.nn.calls"
local util = require "vgg.util"
local activations = require "vgg.nn.activations"
local pooling = require "vgg.nn.pooling"

local containers = {}

-- Sequential { layer, layer, ... }: children are named "0", "1", ... as in PyTorch. A BatchNorm2d
-- followed by a ReLU runs as one fused call while no hook sits on either (fuse = false: never), and
-- so does a MaxPool2d of 2x2 behind them.
local Sequential = class("Sequential", Module)
containers.Sequential = Sequential

function Sequential:init(layers)
  local fuse = true
  for key, value in pairs(layers or {}) do
    if key == "fuse" then
      fuse = value and true or false
    elseif type(key) ~= "number" then
      calls.mistake("Sequential: unknown option '%s'; layers come in order, without names",
        tostring(key))
    end
  end
  rawset(self, "fuse", fuse)
  for _, layer in ipairs(layers or {}) do self:add(layer) end
end

function Sequential:add(layer)
  self:add_module(tostring(#self._order), layer)
  return self
end

local function is_plain(module)
  return not (rawget(module, "_hooks") or rawget(module, "_pre_hooks") or rawget(module, "forward"))
end

local function fusable(norm, relu)
  return norm.fuses_relu and getmetatable(relu) == activations.ReLU and is_plain(norm)
    and is_plain(relu)
end

-- Windows of 2x2 side by side that cover x: nobody has others in one pass, and a mistake about them
-- is the pooling's to tell.
local function poolable(pool, x)
  return pool and getmetatable(pool) == pooling.MaxPool2d and pool.halves and is_plain(pool)
    and type(x) == "userdata" and x.ndim == 4 and x.shape[3] % 2 == 0 and x.shape[4] % 2 == 0
end

-- Runs norm, relu and, where it is one, pool as one call. Only the pool changes the shape.
local function run_fused(norm, relu, pool, x)
  local seen = norm._out
  local y = norm(x, true, pool and pool._window)
  if not seen then rawset(norm, "_out", norm._in) end
  for _, module in ipairs { relu, pool } do
    if not module._out then
      rawset(module, "_in", norm._in)
      rawset(module, "_out", module == pool and y.shape or norm._out)
    end
  end
  return y
end

-- The layer holds on to nothing, its output is new (or its input), and nobody listens to it.
local function is_transient(module)
  return rawget(getmetatable(module), "transient") and is_plain(module)
end

-- What lies between two such layers is let go at once: the tape keeps what the backward needs, and
-- memory does not wait for the collector.
function Sequential:forward(x)
  local order, modules = self._order, self._modules
  local i, n, input, between = 1, #order, x, nil
  while i <= n do
    local module, following = modules[order[i]], modules[order[i + 1]]
    local transient = is_transient(module)
    local before = transient and between
    if self.fuse and following and fusable(module, following) then
      local pool = modules[order[i + 2]]
      if not (module.fuses_pool and poolable(pool, x)) then pool = nil end
      x = run_fused(module, following, pool, x)
      i = i + (pool and 3 or 2)
    else
      x = module(x)
      i = i + 1
    end
    if before and not rawequal(before, x) then before:free() end
    between = transient and not rawequal(x, input) and x or nil
  end
  return x
end

-- ModuleList { module, ... }: children to iterate over, without a forward of its own.
local ModuleList = class("ModuleList", Module)
containers.ModuleList = ModuleList

function ModuleList:init(modules)
  for _, module in ipairs(modules or {}) do self:add(module) end
end

ModuleList.add = Sequential.add

-- Iterates position, module.
function ModuleList:iter()
  local i = 0
  return function()
    i = i + 1
    local name = self._order[i]
    if name then return i, self._modules[name] end
  end
end

-- Residual { body [, shortcut = module] }: body(x) + x, or + shortcut(x).
local Residual = class("Residual", Module)
containers.Residual = Residual

function Residual:init(parts)
  for key in pairs(parts) do
    if key ~= 1 and key ~= "shortcut" then
      calls.mistake("Residual: unknown option '%s'", tostring(key))
    end
  end
  self.body = parts[1]
  if parts.shortcut then self.shortcut = parts.shortcut end
end

function Residual:forward(x)
  local shortcut = self._modules.shortcut
  return self.body(x) + (shortcut and shortcut(x) or x)
end

-- Lambda { function(x) ... end }: any function of tensors as a layer.
local Lambda = class("Lambda", Module)
containers.Lambda = Lambda

function Lambda:init(parts)
  local fn = type(parts) == "table" and parts[1] or parts
  if type(fn) ~= "function" then calls.mistake("Lambda: want a function, got a %s", type(fn)) end
  rawset(self, "fn", fn)
end

function Lambda:forward(...) return self.fn(...) end

local Identity = class("Identity", Module)
containers.Identity = Identity

function Identity.forward(_, x) return x end

-- Flatten { first = 2, last = -1 }: joins dimensions, by default all but the batch.
local Flatten = class("Flatten", Module)
containers.Flatten = Flatten

function Flatten:init(options)
  options = options or {}
  util.check_options("Flatten", options, { first = 2, last = -1 }, 3)
  rawset(self, "first", options.first or 2)
  rawset(self, "last", options.last or -1)
end

Flatten.transient = true
function Flatten:forward(x) return x:flatten(self.first, self.last) end

return containers
