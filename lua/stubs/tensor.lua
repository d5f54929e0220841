---@meta
-- Fields and methods of tensors, for ?name and for editors. Dimensions and positions count from 1,
-- or from -1 at the end. Many methods exist with an underscore, too, and then change the tensor.

---An array of numbers on a device, with a gradient where asked for.
---@class Tensor
---@field shape sizes, outermost first: { 64, 3, 32, 32 }
---@field dtype "float32", "bfloat16", "int64" or "uint8"
---@field device "cpu", "cuda:0"
---@field ndim number of dimensions
---@field numel number of elements
---@field grad gradient of a leaf after backward, or nil
---@field requires_grad whether operations on it are recorded
---@field is_leaf whether no recorded operation made it
---@field layout "strided", or the backend's own order of the elements
Tensor = {}

---Nested tables of numbers.
---@return table
function Tensor:totable() end

---The elements in row-major order as bytes of the dtype.
---@return string
function Tensor:tobytes() end

---The value of a tensor with one element.
---@return number
function Tensor:item() end

---One line: shape, dtype, device, min, max, mean, std, count of NaN.
---@return string
function Tensor:summary() end

---{ min, max, mean, std, nan }: over what is not NaN, and how many are NaN.
---@return table
function Tensor:stats() end

---Whether |x - y| <= atol + rtol |y| everywhere.
---@option rtol 1e-5 relative tolerance
---@option atol 1e-8 absolute tolerance
---@return boolean
function Tensor:allclose(other, options) end

---Whether shape and every element are equal.
---@return boolean
function Tensor:equal(other) end

---Whether the elements lie in row-major order without holes.
---@return boolean
function Tensor:is_contiguous() end

---Whether the memory is gone: its scope ended, or free() was called.
---@return boolean
function Tensor:is_released() end

---Gives the memory back now; using the tensor afterwards is an error.
function Tensor:free() end

---Lets the tensor outlive the scope it was made in.
---@return Tensor
function Tensor:keep() end

---A copy with memory of its own; gradients flow through.
---@return Tensor
function Tensor:clone() end

---The same values in row-major order; itself when it is so already.
---@return Tensor
function Tensor:contiguous() end

---Copies the values of another tensor in, converting dtype and device.
---@return Tensor
function Tensor:copy_(source) end

---The same memory without a history: gradients stop here.
---@return Tensor
function Tensor:detach() end

---Gradients of every leaf this value depends on, added to their .grad.
---gradient: of the same shape; may be left out for a scalar.
---@option retain_graph false keep what a second backward needs
function Tensor:backward(gradient, options) end

---Asks for a gradient (or not, with false); for leaves of float dtype.
---@return Tensor
function Tensor:requires_grad_(on) end

---Keeps .grad of a value in the middle, too.
---@return Tensor
function Tensor:retain_grad() end

---Replaces .grad; nil takes it away.
function Tensor:set_grad(gradient) end

---Another dtype and/or device: x:to("bfloat16"), x:to("cuda:0", "float32").
---@return Tensor
function Tensor:to(...) end

---On the CPU.
---@return Tensor
function Tensor:cpu() end

---As float32.
---@return Tensor
function Tensor:float() end

---As bfloat16, rounded to nearest even.
---@return Tensor
function Tensor:bfloat16() end

---As int64, cut towards zero.
---@return Tensor
function Tensor:long() end

---As uint8.
---@return Tensor
function Tensor:byte() end

---Another shape with the same elements; one size may be -1.
---@return Tensor
function Tensor:reshape(...) end

---The same as reshape.
---@return Tensor
function Tensor:view(...) end

---Repeats dimensions of size 1 without copying; -1 keeps a size.
---@return Tensor
function Tensor:expand(...) end

---Joins dimensions first (1) to last (-1) into one.
---@return Tensor
function Tensor:flatten(first, last) end

---Drops a dimension of size 1, or all of them.
---@return Tensor
function Tensor:squeeze(dim) end

---Inserts a dimension of size 1 at dim.
---@return Tensor
function Tensor:unsqueeze(dim) end

---Swaps two dimensions.
---@return Tensor
function Tensor:transpose(a, b) end

---Transpose of a matrix.
---@return Tensor
function Tensor:t() end

---Dimensions in another order: x:permute(1, 3, 4, 2).
---@return Tensor
function Tensor:permute(...) end

---One slice, without that dimension; x[i] is x:select(1, i).
---@return Tensor
function Tensor:select(dim, position) end

---A run of positions along a dimension, without copying.
---@return Tensor
function Tensor:narrow(dim, start, length) end

---Slices picked by an int64 tensor (0-based data).
---@return Tensor
function Tensor:index_select(dim, index) end

---Picks one element along dim for each of index (int64, 0-based data).
---@return Tensor
function Tensor:gather(dim, index) end

---This where the condition is not 0, else other.
---@return Tensor
function Tensor:where(condition, other) end

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
