---@meta
-- Layers of vgg.nn, for ?name, completion and editors.
-- A constructor takes one table: what it is by position, how it behaves by name.

---2-d convolution: nn.Conv2d { 3, 64, kernel = 3, pad = 1 } takes 3 channels and gives 64.
---@option kernel required number or { height, width }
---@option stride 1 number or { y, x }
---@option pad 0 zeros around
---@option dilation 1 distance of the taps
---@option groups 1 groups of channels
---@option bias true add one value a channel
---@return Module
function nn.Conv2d(options) end

---Matrix product: nn.Linear { 512, 10 } takes 512 values and gives 10.
---@option bias true add one value an output
---@return Module
function nn.Linear(options) end

---Normalises each channel by the statistics of the batch (training) or those seen (eval).
---@option eps 1e-5 added to the variance
---@option momentum 0.1 weight of the new statistics
---@option affine true learn scale and offset
---@option track_running_stats true keep statistics for eval
---@return Module
function nn.BatchNorm2d(options) end

---Largest of each window: nn.MaxPool2d { 2 }.
---@option kernel required number or { height, width }
---@option stride kernel step of the windows
---@option pad 0 border that never wins
---@option ceil_mode false keep windows that stick out
---@return Module
function nn.MaxPool2d(options) end

---Mean of each window: nn.AvgPool2d { 2 }.
---@option kernel required number or { height, width }
---@option stride kernel step of the windows
---@option pad 0 border of zeros
---@option ceil_mode false keep windows that stick out
---@option count_include_pad true divide by the whole window
---@return Module
function nn.AvgPool2d(options) end

---Means of as many windows as asked for: nn.AdaptiveAvgPool2d { 7 }.
---@option size required number or { height, width }
---@return Module
function nn.AdaptiveAvgPool2d(options) end

---Largest values of as many windows as asked for.
---@option size required number or { height, width }
---@return Module
function nn.AdaptiveMaxPool2d(options) end

---While training zeroes a share p and scales the rest.
---@option p 0.5 share that is zeroed
---@return Module
function nn.Dropout(options) end

---max(x, 0).
---@return Module
function nn.ReLU(options) end

---min(max(x, 0), 6).
---@return Module
function nn.ReLU6(options) end

---x sigmoid(x).
---@return Module
function nn.SiLU(options) end

---1 / (1 + exp(-x)).
---@return Module
function nn.Sigmoid(options) end

---Hyperbolic tangent.
---@return Module
function nn.Tanh(options) end

---log(1 + exp(x)).
---@return Module
function nn.Softplus(options) end

---x relu6(x + 3) / 6.
---@return Module
function nn.Hardswish(options) end

---relu6(x + 3) / 6.
---@return Module
function nn.Hardsigmoid(options) end

---Gives back what it gets.
---@return Module
function nn.Identity(options) end

---x for x > 0, else slope x.
---@option slope 0.01 factor below 0
---@return Module
function nn.LeakyReLU(options) end

---x for x > 0, else alpha (exp(x) - 1).
---@option alpha 1 lower bound is -alpha
---@return Module
function nn.ELU(options) end

---x times the normal distribution function.
---@option approximate "none" "tanh" for the approximation
---@return Module
function nn.GELU(options) end

---exp(x) / sum of exp(x).
---@option dim -1 dimension that sums to 1
---@return Module
function nn.Softmax(options) end

---Logarithm of the softmax.
---@option dim -1 dimension
---@return Module
function nn.LogSoftmax(options) end

---Joins dimensions, by default all but the batch.
---@option first 2 first dimension
---@option last -1 last dimension
---@return Module
function nn.Flatten(options) end

---Layers one after the other; children are named "0", "1", ... A BatchNorm2d and the ReLU
---behind it run as one call, with a MaxPool2d of 2x2 behind them, too.
---@option fuse true false: never join two layers
---@return Module
function nn.Sequential(options) end

---Modules to iterate over, without a forward of its own.
---@return Module
function nn.ModuleList(options) end

---body(x) + x, or + shortcut(x): nn.Residual { body, shortcut = conv }.
---@option shortcut none module for the other way
---@return Module
function nn.Residual(options) end

---Any function of tensors as a layer: nn.Lambda { function(x) return x:relu() end }.
---@return Module
function nn.Lambda(options) end

---loss(logits, labels): labels are int64 and 0-based.
---@option reduction "mean" "mean", "sum" or "none"
---@option label_smoothing 0 share given to all classes
---@option ignore_index -100 label that does not count
---@return Module
function nn.CrossEntropyLoss(options) end

---loss(x, target): mean squared difference.
---@option reduction "mean" "mean", "sum" or "none"
---@return Module
function nn.MSELoss(options) end

---A new kind of module: local Net = nn.class "Net"; function Net:init(options) ... end;
---function Net:forward(x) ... end.
---@return class
function nn.class(name) end

---Multiplications of one forward of an image: nn.count_macs(model, { 3, 32, 32 }).
---@return number
function nn.count_macs(model, input_shape) end
