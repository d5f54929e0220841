-- Layers whose parameters and forward live in the core: Conv2d, Linear, BatchNorm2d.
local core = require "vgg.core"
local class = require "vgg.class"
local Module = require "vgg.module"
local calls = require "vgg.nn.calls"

local Leaf = class("Leaf", Module)

-- Takes the tensors of a core layer under their names.
function Leaf:init(options)
  local ok, layer = pcall(core.layer[self.__name], options)
  if not ok then
    if type(layer) ~= "string" then error(layer, 0) end
    calls.mistake("%s", calls.without_position(layer))
  end
  rawset(self, "_layer", layer)
  local i = 1
  while true do
    local name, tensor, is_buffer = layer:tensor(i)
    if not name then break end
    if tensor then
      self._names[#self._names + 1] = name
      self._tensors[name] = tensor
      self._buffers[name] = is_buffer or nil
    else
      rawset(self, name, false) -- an option not chosen: conv.bias is false, not a mistake
    end
    i = i + 1
  end
end

function Leaf:forward(x) return self._layer:forward(x) end

function Leaf:set_training(mode)
  rawset(self, "training", mode)
  self._layer:train(mode)
end

-- Draws the parameters anew, as PyTorch's reset_parameters.
function Leaf:reset_parameters()
  self._layer:reset()
  return self
end

function Leaf:describe()
  local what, how = self._layer:describe()
  return self.__name .. " " .. what, how
end

local leaf = {
  Conv2d = class("Conv2d", Leaf),           -- { 3, 64, kernel = 3, stride =, pad =, bias = }
  Linear = class("Linear", Leaf),           -- { 512, 10, bias = }
  BatchNorm2d = class("BatchNorm2d", Leaf), -- { 64, eps =, momentum =, affine = }
}

for _, cls in pairs(leaf) do cls.transient = true end
leaf.BatchNorm2d.fuses_relu, leaf.BatchNorm2d.fuses_pool = true, true
function leaf.BatchNorm2d:forward(x, relu, windows)
  return self._layer:forward(x, relu, windows)
end

return leaf
