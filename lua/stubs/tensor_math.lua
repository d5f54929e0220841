---@meta
-- Methods of tensors that compute; the others are in tensor.lua.

---x + alpha y; y may be a number or broadcast.
---@return Tensor
function Tensor:add(y, alpha) end

---x - alpha y.
---@return Tensor
function Tensor:sub(y, alpha) end

---x y, element by element.
---@return Tensor
function Tensor:mul(y) end

---x / y.
---@return Tensor
function Tensor:div(y) end

---x to the power y.
---@return Tensor
function Tensor:pow(y) end

---The larger of x and y; NaN wins.
---@return Tensor
function Tensor:maximum(y) end

---The smaller of x and y; NaN wins.
---@return Tensor
function Tensor:minimum(y) end

---1 where x == y, else 0, as uint8.
---@return Tensor
function Tensor:eq(y) end

---1 where x ~= y, else 0, as uint8.
---@return Tensor
function Tensor:ne(y) end

---1 where x < y, else 0, as uint8.
---@return Tensor
function Tensor:lt(y) end

---1 where x <= y, else 0, as uint8.
---@return Tensor
function Tensor:le(y) end

---1 where x > y, else 0, as uint8.
---@return Tensor
function Tensor:gt(y) end

---1 where x >= y, else 0, as uint8.
---@return Tensor
function Tensor:ge(y) end

----x.
---@return Tensor
function Tensor:neg() end

---Absolute value.
---@return Tensor
function Tensor:abs() end

---e to the x.
---@return Tensor
function Tensor:exp() end

---Natural logarithm.
---@return Tensor
function Tensor:log() end

---Square root.
---@return Tensor
function Tensor:sqrt() end

---1 / square root.
---@return Tensor
function Tensor:rsqrt() end

---x x.
---@return Tensor
function Tensor:square() end

----1, 0 or 1.
---@return Tensor
function Tensor:sign() end

---Sine, in radians.
---@return Tensor
function Tensor:sin() end

---Cosine, in radians.
---@return Tensor
function Tensor:cos() end

---Next whole number below.
---@return Tensor
function Tensor:floor() end

---Next whole number above.
---@return Tensor
function Tensor:ceil() end

---Nearest whole number, halves to even.
---@return Tensor
function Tensor:round() end

---1 / x.
---@return Tensor
function Tensor:reciprocal() end

---Error function.
---@return Tensor
function Tensor:erf() end

---log(1 + x), exact near 0.
---@return Tensor
function Tensor:log1p() end

---exp(x) - 1, exact near 0.
---@return Tensor
function Tensor:expm1() end

---1 where NaN.
---@return Tensor
function Tensor:isnan() end

---1 where neither infinite nor NaN.
---@return Tensor
function Tensor:isfinite() end

---1 where 0, else 0.
---@return Tensor
function Tensor:logical_not() end

---max(x, 0); NaN stays NaN.
---@return Tensor
function Tensor:relu() end

---min(max(x, 0), 6).
---@return Tensor
function Tensor:relu6() end

---x sigmoid(x), also called swish.
---@return Tensor
function Tensor:silu() end

---1 / (1 + exp(-x)).
---@return Tensor
function Tensor:sigmoid() end

---Hyperbolic tangent.
---@return Tensor
function Tensor:tanh() end

---x relu6(x + 3) / 6.
---@return Tensor
function Tensor:hardswish() end

---relu6(x + 3) / 6.
---@return Tensor
function Tensor:hardsigmoid() end

---Cuts to the range; either bound may be nil.
---@return Tensor
function Tensor:clamp(min, max) end

---x for x > 0, else slope x (0.01).
---@return Tensor
function Tensor:leaky_relu(slope) end

---x for x > 0, else alpha (exp(x) - 1).
---@return Tensor
function Tensor:elu(alpha) end

---x times the normal distribution function; "tanh" for the approximation.
---@return Tensor
function Tensor:gelu(approximate) end

---log(1 + exp(beta x)) / beta; x itself where beta x > threshold (20).
---@return Tensor
function Tensor:softplus(beta, threshold) end

---Sum.
---dim: none for all, one, or a table of them.
---@option keepdim false keep reduced dimensions with size 1
---@return Tensor
function Tensor:sum(dim, options) end

---Mean.
---dim: none for all, one, or a table of them.
---@option keepdim false keep reduced dimensions with size 1
---@return Tensor
function Tensor:mean(dim, options) end

---Product.
---dim: none for all, one, or a table of them.
---@option keepdim false keep reduced dimensions with size 1
---@return Tensor
function Tensor:prod(dim, options) end

---Largest value; NaN wins, ties share the gradient.
---dim: none for all, one, or a table of them.
---@option keepdim false keep reduced dimensions with size 1
---@return Tensor
function Tensor:amax(dim, options) end

---Smallest value; NaN wins, ties share the gradient.
---dim: none for all, one, or a table of them.
---@option keepdim false keep reduced dimensions with size 1
---@return Tensor
function Tensor:amin(dim, options) end

---Square root of the sum of squares.
---dim: none for all, one, or a table of them.
---@option keepdim false keep reduced dimensions with size 1
---@return Tensor
function Tensor:norm(dim, options) end

---Variance, with n - correction below.
---dim: none for all, one, or a table of them.
---@option correction 1 0 for the population
---@option keepdim false keep reduced dimensions with size 1
---@return Tensor
function Tensor:var(dim, options) end

---Standard deviation, with n - correction below.
---dim: none for all, one, or a table of them.
---@option correction 1 0 for the population
---@option keepdim false keep reduced dimensions with size 1
---@return Tensor
function Tensor:std(dim, options) end

---Position of the largest value (int64, 0-based data); the first of equals.
---@option keepdim false keep reduced dimensions with size 1
---@return Tensor
function Tensor:argmax(dim, options) end

---Position of the smallest value (int64, 0-based data); the first of equals.
---@option keepdim false keep reduced dimensions with size 1
---@return Tensor
function Tensor:argmin(dim, options) end

---The largest value; with dim: values and their positions (0-based data).
---@return Tensor, Tensor
function Tensor:max(dim, keepdim) end

---The smallest value; with dim: values and their positions (0-based data).
---@return Tensor, Tensor
function Tensor:min(dim, keepdim) end

---The k largest scores of every row with the names of their classes, as a list that prints itself:
---m(x):softmax():top(3). classes: names, by default those of CIFAR-10 for ten columns.
---@return table
function Tensor:top(k, classes) end

---The k largest values in order, and their positions (0-based data).
---@option largest true false for the smallest
---@return Tensor, Tensor
function Tensor:topk(k, dim, options) end

---Matrix product; leading dimensions are batches and broadcast.
---@return Tensor
function Tensor:matmul(other) end

---x weight^T + bias, with weight out x in.
---@return Tensor
function Tensor:linear(weight, bias) end

---2-d convolution of N x C x H x W.
---@option weight required out x in/groups x height x width
---@option bias none one value an output channel
---@option stride 1 number or { y, x }
---@option pad 0 zeros around, number or { y, x }
---@option dilation 1 distance of the taps
---@option groups 1 groups of channels
---@return Tensor
function Tensor:conv2d(options) end

---Largest of each window; NaN stays NaN.
---@option kernel required number or { height, width }
---@option stride kernel step of the windows
---@option pad 0 border that never wins
---@option ceil_mode false keep windows that stick out
---@return Tensor
function Tensor:max_pool2d(options) end

---Mean of each window.
---@option kernel required number or { height, width }
---@option stride kernel step of the windows
---@option pad 0 border of zeros
---@option ceil_mode false keep windows that stick out
---@option count_include_pad true divide by the whole window
---@return Tensor
function Tensor:avg_pool2d(options) end

---Means of as many windows as asked for.
---@return Tensor
function Tensor:adaptive_avg_pool2d(height, width) end

---Largest values of as many windows as asked for.
---@return Tensor
function Tensor:adaptive_max_pool2d(height, width) end

---Normalises each channel of N x C x H x W.
---@option weight none scale of each channel
---@option bias none offset of each channel
---@option running_mean none updated in training, used otherwise
---@option running_var none updated in training, used otherwise
---@option training false use the statistics of the batch
---@option momentum 0.1 weight of the new statistics
---@option eps 1e-5 added to the variance
---@option relu false apply a ReLU as well
---@return Tensor
function Tensor:batch_norm2d(options) end

---Zeroes a share p (0.5) of the elements and scales the rest by 1 / (1 - p).
---@return Tensor
function Tensor:dropout(p, training) end

---exp(x) / sum of exp(x) along dim (-1).
---@return Tensor
function Tensor:softmax(dim) end

---Logarithm of the softmax along dim (-1).
---@return Tensor
function Tensor:log_softmax(dim) end

---Loss of logits N x C against int64 labels (0-based).
---@option reduction "mean" "mean", "sum" or "none"
---@option label_smoothing 0 share given to all classes
---@option ignore_index -100 label that does not count
---@return Tensor
function Tensor:cross_entropy(target, options) end

---Loss of log-probabilities against int64 labels (0-based).
---@option reduction "mean" "mean", "sum" or "none"
---@option ignore_index -100 label that does not count
---@return Tensor
function Tensor:nll_loss(target, options) end

---Mean squared difference.
---@option reduction "mean" "mean", "sum" or "none"
---@return Tensor
function Tensor:mse_loss(target, options) end

---Every element becomes value.
---@return Tensor
function Tensor:fill_(value) end

---Every element becomes 0.
---@return Tensor
function Tensor:zero_() end

---Draws from low (0) up to high (1).
---@return Tensor
function Tensor:uniform_(low, high) end

---Draws from the normal distribution (0, 1).
---@return Tensor
function Tensor:normal_(mean, std) end

---1 with probability p (0.5), else 0.
---@return Tensor
function Tensor:bernoulli_(p) end
