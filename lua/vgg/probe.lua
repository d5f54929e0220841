-- Looks inside a model: p = probe(model, "features.3"); model(x); p.act is what the layer gave,
-- p.grad { x, target = "dog" } the gradient of the loss with respect to it; p:remove() ends it.
local core = require "vgg.core"
local util = require "vgg.util"

local Probe = {}
Probe.__name = "vgg.Probe"

function Probe.__index(self, key)
  if key == "act" then return rawget(self, "last") end
  if key == "grad" then return function(a, b) return Probe.gradient(self, b or a) end end
  return Probe[key]
end

local function batch_of(x)
  return x.ndim == 3 and x:unsqueeze(1) or x
end

-- Labels as an int64 tensor: a class name, a number for the whole batch, or a tensor.
local function labels(target, n)
  if type(target) == "userdata" then return target end
  local names = core.data.cifar10_classes
  if type(target) == "string" then
    local found
    names = type(names) == "function" and names() or names
    for i, name in ipairs(names) do if name == target then found = i - 1 end end
    if not found then
      error(("probe: no class '%s'%s"):format(target, util.hint(target, names)), 3)
    end
    target = found
  end
  if type(target) ~= "number" then error("probe: want target = a class name or number", 3) end
  return core.full({ n }, target, "int64")
end

-- Calls fn with every parameter taken out of the recording, so that only the path from x counts.
local function without_parameters(model, fn)
  local wanted = {}
  for _, p in model:named_parameters() do
    if p.requires_grad then
      wanted[#wanted + 1] = p
      p:requires_grad_(false)
    end
  end
  local ok, result = pcall(fn)
  for _, p in ipairs(wanted) do p:requires_grad_(true) end
  if not ok then error(result, 0) end
  return result
end

-- p.grad { x, target = class }: gradient of the cross-entropy with respect to the layer's output.
-- The model's own gradients stay as they are.
function Probe:gradient(options)
  local x = batch_of(options[1])
  local target = labels(options.target, x.shape[1])
  return without_parameters(self.model, function()
    return core.scope(function()
      local output
      local hook = self.layer:register_forward_hook(function(_, _, y)
        y:retain_grad()
        output = y
      end)
      local ok, loss = pcall(function()
        return self.model(x:detach():requires_grad_(true)):cross_entropy(target)
      end)
      hook.remove()
      if not ok then error(loss, 0) end
      loss:backward()
      return output.grad
    end)
  end)
end

-- Takes the probe out of the model.
function Probe:remove()
  if self.hook then self.hook.remove() end
  rawset(self, "hook", nil)
end

function Probe:__tostring()
  local what, how = self.layer:describe()
  local head = ("probe %s  %s"):format(self.path, how ~= "" and what .. ", " .. how or what)
  local y = rawget(self, "last")
  if not y then return head .. "   no forward yet" end
  local zeros = y:eq(0):float():mean():item()
  local note = zeros > 0 and ("   %.0f %% zero"):format(100 * zeros) or ""
  return head .. "\n" .. y:summary() .. note
end

-- probe(model, path)
return setmetatable({ class = Probe }, {
  __call = function(_, model, path)
    local self = setmetatable({ model = model, path = path, layer = model:get(path) }, Probe)
    rawset(self, "hook", self.layer:register_forward_hook(function(_, _, y)
      rawset(self, "last", y:detach():keep())
    end))
    return self
  end,
})
