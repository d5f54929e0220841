-- One computation in f32 and in bf16-mixed: results and gradients for a random cotangent, compared
-- by the norm of the difference.
local core = require "vgg.core"

local compare = {}

local function norm(t) return math.sqrt(t:square():sum():item()) end

-- |a - b| / |b|, in f32.
function compare.distance(a, b)
  a, b = a:to("float32"):contiguous(), b:to("float32"):contiguous()
  local size = norm(b)
  return norm(a - b) / (size > 0 and size or 1)
end

-- fn(x, p) under `precision`; p: parameters by name. Returns y, and gradients by name with x's.
function compare.run(precision, fn, x, p, cotangent)
  local leaf = x:clone():detach():requires_grad_()
  for _, t in pairs(p) do t:set_grad(nil) end
  local y = core.autocast(precision, fn, leaf, p)
  y:backward(cotangent)
  local grads = { x = leaf.grad }
  for name, t in pairs(p) do grads[name] = t.grad end
  return y, grads
end

-- A random parameter whose values bf16 holds exactly, so that only the computation is compared.
function compare.parameter(shape, scale)
  return ((core.randn(shape) * (scale or 1)):to "bfloat16"):to("float32"):requires_grad_()
end

function compare.input(shape) return core.randn(shape):to("bfloat16"):to "float32" end

-- Fails where bf16-mixed is further from f32 than `limit`. Returns both results.
function compare.check(fn, x, p, limit)
  local probe = core.no_grad(fn, x, p)
  local cotangent = core.randn(probe.shape):to("bfloat16"):to "float32"
  local y, want = compare.run("f32", fn, x, p, cotangent)
  local half, got = compare.run("bf16", fn, x, p, cotangent)
  local far = compare.distance(half, y)
  if far ~= far or far > limit then error(("result differs by %g"):format(far), 2) end
  for name, g in pairs(want) do
    far = compare.distance(got[name], g)
    if far ~= far or far > limit then
      error(("gradient of %s differs by %g"):format(name, far), 2)
    end
    if got[name].dtype ~= "float32" then error(name .. "'s gradient is " .. got[name].dtype, 2) end
  end
  return y, half
end

return compare
