-- vgg.functional: the operations of nn as functions, F.relu(x), F.conv2d(x, { weight = w }), ...
-- Each is the method of Tensor with the same name.
local methods = {
  "relu", "relu6", "leaky_relu", "elu", "gelu", "silu", "sigmoid", "tanh", "softplus", "hardswish",
  "hardsigmoid", "softmax", "log_softmax", "dropout", "cross_entropy", "nll_loss", "mse_loss",
  "conv2d", "linear", "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d",
  "batch_norm2d",
}

local functional = {}

for _, name in ipairs(methods) do
  functional[name] = function(x, ...) return x[name](x, ...) end
end

return functional
