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

---{ min, max, mean, std, nan, zeros, infinite }: over what is not NaN, and how many are NaN, 0,
---infinite.
---@return table
function Tensor:stats() end

---The same of every channel of N x C x ...: an array of C tables.
---@return table
function Tensor:channel_stats() end

---Whether |x - y| <= atol + rtol |y| everywhere.
---@option rtol 1e-5 relative tolerance
---@option atol 1e-8 absolute tolerance
---@return boolean
function Tensor:allclose(other, options) end

---Whether shape and every element are equal.
---@return boolean
function Tensor:equal(other) end

---Whether the elements lie in row-major order without holes; in "channels_last" (4 dimensions):
---with the channels innermost.
---@param memory_format? "contiguous_format"|"channels_last"
---@return boolean
function Tensor:is_contiguous(memory_format) end

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

---The same values in row-major order, or in "channels_last" (4 dimensions) with the channels
---innermost; itself when it is so already.
---@param memory_format? "contiguous_format"|"channels_last"
---@return Tensor
function Tensor:contiguous(memory_format) end

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
