-- Looks inside a model: p = probe(model, "features.3"); model(x); p.act is what the layer gave,
-- p.grad { x, target = "dog" } the gradient of the loss with respect to it, p:stats() its channels,
-- p:dead() those that are always 0; p:remove() ends it. Maps of what matters to the model:
-- probe.saliency, probe.occlusion; what excites a channel: probe.top_images.
local core = require "vgg.core"
local labels = require "vgg.labels"

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
  local target = labels.tensor(options.target, x.shape[1], nil, "probe")
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

local function need(self)
  return rawget(self, "last") or error("probe: no forward yet, call the model first", 3)
end

-- Statistics of every channel of the last output: a table of { mean, std, min, max, zeros (a share)
-- } by channel that prints itself.
function Probe:stats() return require("vgg.probe.channels").new(need(self), self.path) end

-- Channels (from 1) that were 0 everywhere in the last output.
function Probe:dead()
  local dead = {}
  for c, s in ipairs(self:stats()) do if s.zeros == 1 then dead[#dead + 1] = c end end
  return dead
end

function Probe:__tostring()
  local what, how = self.layer:describe()
  local head = ("probe %s  %s"):format(self.path, how ~= "" and what .. ", " .. how or what)
  local y = rawget(self, "last")
  if not y then return head .. "   no forward yet" end
  local notes, zeros = {}, y:stats().zeros / y.numel
  if zeros > 0 then notes[1] = ("%.0f %% zero"):format(100 * zeros) end
  if y.ndim == 4 then
    local stats = self:stats()
    local c = stats:largest()
    notes[#notes + 1] = ("channel %d largest (mean %.3g)"):format(c, stats[c].mean)
    local dead = #self:dead()
    if dead > 0 then notes[#notes + 1] = ("%d of %d channels always 0"):format(dead, #stats) end
  end
  return head .. "\n" .. y:summary() .. (notes[1] and "   " .. table.concat(notes, "   ") or "")
end

local from = { saliency = "saliency", occlusion = "saliency", top_images = "top" }

local function new(_, model, path)
  if type(model) ~= "table" or type(model.get) ~= "function" then
    error("probe: want probe(model, \"name of a layer\")", 2)
  end
  local self = setmetatable({ model = model, path = path, layer = model:get(path) }, Probe)
  rawset(self, "hook", self.layer:register_forward_hook(function(_, _, y)
    rawset(self, "last", y:detach():keep())
  end))
  return self
end

-- probe(model, path)
return setmetatable({ class = Probe, without_parameters = without_parameters }, {
  __names = from,
  __call = new,
  __index = function(self, name)
    if not from[name] then return nil end
    local value = require("vgg.probe." .. from[name])[name]
    rawset(self, name, value)
    return value
  end,
})
