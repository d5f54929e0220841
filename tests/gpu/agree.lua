-- Every operation on the GPU against the CPU, forward and backward, on the same numbers; in f32, in
-- tf32 and in bf16. usage: vgglua tests/gpu/agree.lua [device] [words of names...]; last line:
-- JSON with the largest relative error of each operation and what is beyond its bound.
local json = require "vgg.json"
local vgg = require "vgg"
local core = vgg.core
local parity = require "tests.support.parity"
local pooled = require "tests.support.pooled"

local device = arg[1] or "cuda"
local bounds = { f32 = 1e-4, tf32 = 1e-3, bf16 = 1e-2 }

local cases = {} -- { name, inputs = { shape... }, fn(inputs...) -> y [, parameters], ... }
local function case(name, shapes, fn, o)
  o = o or {}
  cases[#cases + 1] = { name = name, shapes = shapes, fn = fn, low = o.low, high = o.high,
    products = o.products }
end

-- ---- what there is ----

for _, op in ipairs { "neg", "abs", "exp", "sin", "cos", "square", "sigmoid", "tanh", "relu",
  "gelu", "silu", "softplus", "erf", "expm1", "hardswish", "hardsigmoid", "relu6", "elu",
  "leaky_relu" } do
  case(op, { { 3, 37, 5 } }, function(x) return x[op](x) end, { low = -3, high = 3 })
end
for _, op in ipairs { "log", "sqrt", "rsqrt", "reciprocal", "log1p" } do
  case(op, { { 3, 37, 5 } }, function(x) return x[op](x) end, { low = 0.2, high = 3 })
end
case("add", { { 4, 8, 6, 6 }, { 8, 1, 1 } }, function(a, b) return a + b end)
case("mul", { { 4, 8, 6, 6 }, { 4, 1, 6, 6 } }, function(a, b) return a * b end)
case("div", { { 5, 7 }, { 5, 7 } }, function(a, b) return a / b end, { low = 0.5, high = 2 })
case("sum", { { 6, 50, 9 } }, function(x) return x:sum { 1, 3 } end)
case("mean", { { 64, 300 } }, function(x) return x:mean() end)
case("var", { { 6, 50, 9 } }, function(x) return x:var { 2 } end)
case("amax", { { 6, 50, 9 } }, function(x) return x:amax { 2 } end)
case("softmax", { { 33, 10 } }, function(x) return x:softmax(2) end)
case("log_softmax", { { 33, 1000 } }, function(x) return x:log_softmax(2) end)
case("permuted copy", { { 4, 5, 6, 7 } }, function(x) return x:permute(1, 3, 4, 2) * 2 end)
case("cross_entropy", { { 128, 10 } }, function(x)
  local labels = {}
  for i = 1, 128 do labels[i] = i * 7 % 10 end
  return x:cross_entropy(core.tensor(labels, "int64", x.device))
end)

local function conv(name, n, c, k, size, o)
  o.kernel, o.pad = o.kernel or 3, o.pad or 1
  local per_group = c / (o.groups or 1)
  case("conv2d " .. name, { { n, c, size, size }, { k, per_group, o.kernel, o.kernel }, { k } },
    function(x, w, b)
      return x:conv2d { weight = w, bias = b, pad = o.pad, stride = o.stride or 1,
        groups = o.groups or 1, dilation = o.dilation or 1 }
    end, { products = true })
end
conv("first layer", 8, 3, 64, 32, {})
conv("64 at 32", 4, 64, 64, 32, {})
conv("128 at 16", 4, 64, 128, 16, {})
conv("256 at 8", 4, 128, 256, 8, {})
conv("512 at 4", 4, 256, 512, 4, {})
conv("512 at 2", 8, 512, 512, 2, {})
conv("stride 2", 3, 16, 24, 9, { stride = 2 })
conv("5x5 odd channels", 3, 5, 7, 9, { kernel = 5, pad = 2 })
conv("groups", 2, 16, 32, 8, { groups = 4 })
conv("dilation", 2, 8, 8, 9, { dilation = 2, pad = 2 })
conv("1x1", 2, 32, 16, 7, { kernel = 1, pad = 0 })

case("linear 512-4096", { { 16, 512 }, { 4096, 512 }, { 4096 } },
  function(x, w, b) return x:linear(w, b) end, { products = true })
case("linear 4096-10", { { 16, 4096 }, { 10, 4096 }, { 10 } },
  function(x, w, b) return x:linear(w, b) end, { products = true })
case("matmul batched", { { 3, 17, 33 }, { 3, 33, 9 } },
  function(a, b) return a:matmul(b) end, { products = true })

for _, size in ipairs { 32, 2 } do
  case("batch_norm2d at " .. size, { { 8, 64, size, size }, { 64 }, { 64 } }, function(x, w, b)
    return x:batch_norm2d { weight = w, bias = b, training = true }
  end)
end
-- One pass where x comes as a convolution leaves it, two on the CPU.
for _, s in ipairs { { 4, 64, 16, 16 }, { 4, 16, 9, 7 } } do
  case("norm2d and max_pool2d at " .. s[3], { s }, function(x)
    local norm = pooled.norm(s[2]):to(x.device)
    local y = x:conv2d { weight = pooled.identity(s[2]):to(x.device) }
    return norm._layer:forward(y, true, { kernel = 2 }), norm:parameters()
  end)
end
case("max_pool2d", { { 4, 16, 8, 8 } }, function(x) return x:max_pool2d { kernel = 2 } end)
case("max_pool2d overlapping", { { 2, 5, 9, 9 } }, function(x)
  return x:max_pool2d { kernel = 3, stride = 2, pad = 1 }
end)
case("avg_pool2d", { { 4, 16, 8, 8 } }, function(x) return x:avg_pool2d { kernel = 2 } end)

-- ---- comparing ----

local function run(c, where, precision)
  local inputs = {}
  for i, shape in ipairs(c.shapes) do
    local values = parity.draw(100 * i + 7, parity.count(shape), c.low, c.high)
    inputs[i] = parity.tensor(values, shape)
    if precision == "bf16" and not c.products then
      inputs[i] = inputs[i]:to("bfloat16"):to "float32" -- the same numbers on both sides
    end
    inputs[i] = inputs[i]:to(where):detach():requires_grad_()
  end
  core.device.set_tf32(precision == "tf32")
  core.manual_seed(11)
  local y, parameters = core.autocast(precision == "bf16" and "bf16" or "f32", c.fn,
    unpack(inputs))
  core.device.set_tf32(false)
  local flat = y:to "float32"
  flat:backward(parity.tensor(parity.draw(5, y.numel), y.shape):to(where))
  local out = { parity.flat(flat:cpu()) }
  for i = 1, #inputs do out[i + 1] = parity.flat(inputs[i].grad:cpu()) end
  for _, p in ipairs(parameters or {}) do out[#out + 1] = parity.flat(p.grad:cpu()) end
  return out
end

-- The largest difference in units of the largest wanted value.
local function error_of(got, want)
  local most, largest = 0, 1e-6
  for i = 1, #want do
    local d = math.abs(got[i] - want[i])
    if d ~= d or d > most then most = d ~= d and math.huge or d end
    if math.abs(want[i]) > largest then largest = math.abs(want[i]) end
  end
  return most / largest
end

local function chosen(name)
  if #arg < 2 then return true end
  for i = 2, #arg do if name:find(arg[i], 1, true) then return true end end
  return false
end

local report = { device = core.device.describe(device), errors = {}, beyond = {}, worst = {} }
for _, c in ipairs(cases) do
  if chosen(c.name) then
    local want = core.scope(run, c, "cpu", "f32")
    for _, precision in ipairs(c.products and { "f32", "tf32", "bf16" } or { "f32" }) do
      local ok, got = pcall(core.scope, run, c, device, precision)
      local key, most = c.name .. " " .. precision, 0
      if ok then
        for i = 1, #want do most = math.max(most, error_of(got[i], want[i])) end
      else
        most = math.huge
      end
      local good = most <= bounds[precision]
      print(("%-34s %10.2e%s"):format(key, most, good and "" or ok and "  BEYOND ITS BOUND"
        or "  " .. tostring(got)))
      report.errors[key] = most < math.huge and most or -1
      if not good then report.beyond[#report.beyond + 1] = key end
      report.worst[precision] = math.max(report.worst[precision] or 0, most < 1e30 and most or 1e30)
    end
  end
end
print(json.encode(report))
os.exit(#report.beyond == 0 and 0 or 1, true)
