-- Activations as layers: nn.ReLU {}, nn.LeakyReLU { 0.1 }, nn.Softmax { -1 }, ...
local simple = require "vgg.nn.simple"

local activations = {}

-- One line each: name, positions, options with defaults, function.
local function add(name, positions, defaults, forward)
  activations[name] = simple.layer(name, positions, defaults, forward)
  activations[name].transient = true
end

add("ReLU", {}, {}, function(_, x) return x:relu() end)
add("ReLU6", {}, {}, function(_, x) return x:relu6() end)
add("LeakyReLU", { "slope" }, { slope = 0.01 }, function(self, x)
  return x:leaky_relu(self.slope)
end)
add("ELU", { "alpha" }, { alpha = 1 }, function(self, x) return x:elu(self.alpha) end)
add("GELU", {}, { approximate = "none" }, function(self, x)
  return x:gelu(self.approximate)
end)
add("SiLU", {}, {}, function(_, x) return x:silu() end)
add("Sigmoid", {}, {}, function(_, x) return x:sigmoid() end)
add("Tanh", {}, {}, function(_, x) return x:tanh() end)
add("Softplus", {}, {}, function(_, x) return x:softplus() end)
add("Hardswish", {}, {}, function(_, x) return x:hardswish() end)
add("Hardsigmoid", {}, {}, function(_, x) return x:hardsigmoid() end)
add("Softmax", { "dim" }, { dim = -1 }, function(self, x) return x:softmax(self.dim) end)
add("LogSoftmax", { "dim" }, { dim = -1 }, function(self, x) return x:log_softmax(self.dim) end)

return activations
