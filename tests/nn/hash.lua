-- Numbers for comparisons with stored PyTorch results, from the integer hash that
-- tests/parity/step_common.py describes, and digests of tensors made from them.
local bit = require "bit"
local ffi = require "ffi"
local core = require "vgg.core"

local hash = {}
local tobit, bxor, lshift, rshift = bit.tobit, bit.bxor, bit.lshift, bit.rshift

local function mix(a)
  a = tobit(tobit(a + 0x7ed55d16) + lshift(a, 12))
  a = bxor(bxor(a, 0xc761c23c), rshift(a, 19))
  a = tobit(tobit(a + 0x165667b1) + lshift(a, 5))
  a = bxor(tobit(a + 0xd3a2646c), lshift(a, 9))
  a = tobit(tobit(a + 0xfd7046c5) + lshift(a, 3))
  a = bxor(bxor(a, 0xb55a4f09), rshift(a, 16))
  return a
end

-- Element i of stream k as an unsigned number, and in [-1, 1).
local function word(k, i) return mix(tobit(mix(k + 1) + i)) end
function hash.word(k, i) return word(k, i) % 4294967296 end

local function fill(shape, k, scale, shift, nudges)
  local n = 1
  for _, size in ipairs(shape) do n = n * size end
  local values, key = ffi.new("float[?]", n), mix(k + 1)
  for i = 0, n - 1 do
    values[i] = shift + scale * (rshift(mix(tobit(key + i)), 8) / 8388608 - 1)
  end
  for _, nudge in ipairs(nudges or {}) do values[nudge[1]] = nudge[2] end
  return core.from_bytes(ffi.string(values, 4 * n), shape, "float32")
end

-- Gives every parameter of a model its value; nudges: { name = { { flat position, value }, ... } }.
function hash.set_weights(model, nudges)
  local k = 0
  for name, p in model:named_parameters() do
    local shape, scale, shift = p.shape, 0.05, 0
    if #shape > 1 then
      scale = math.sqrt(6 / (p.numel / shape[1]))
    elseif name:match "weight$" then
      scale, shift = 0.1, 1
    end
    local value = fill(shape, k, scale, shift, nudges and nudges[name])
    core.no_grad(function() p:copy_(value) end)
    value:free()
    k = k + 1
  end
end

function hash.images(shape, k) return fill(shape, k, 1.7, 0) end

-- Batch number b of the whole-model comparisons.
function hash.batch(n, b)
  return hash.images({ n, 3, 32, 32 }, 1000 + 10 * b), hash.labels(n, 1001 + 10 * b, 10)
end

function hash.labels(n, k, classes)
  local labels = {}
  for i = 1, n do labels[i] = hash.word(k, i - 1) % classes end
  return core.tensor(labels, "int64")
end

-- The values as a float pointer; keep the second result alive as long as it is used.
function hash.values(t)
  local bytes = t:tobytes()
  return ffi.cast("const float *", bytes), bytes
end

-- Compares a tensor with a stored digest: "" when the norm, the largest magnitude, all projections
-- and samples agree, else what does not. `floor`: magnitude below which everything is rounding.
function hash.differs(t, k, digest, tolerance, floor)
  local g, keep = hash.values(t)
  local n, squares, largest = t.numel, 0, 0
  for i = 0, n - 1 do
    squares = squares + g[i] * g[i]
    largest = math.max(largest, math.abs(g[i]))
  end
  local norm = math.max(digest.norm, (floor or 0) * math.sqrt(n))
  local max = math.max(digest.max, floor or 0)
  local function far(what, got, want, size)
    local fits = math.abs(got - want) <= tolerance * size -- never for NaN
    if not fits then
      return ("%s %.9g, want %.9g (off by %.2g of %.3g)"):format(what, got, want,
        math.abs(got - want) / size, size)
    end
  end
  local wrong = far("norm", math.sqrt(squares), digest.norm, norm)
    or far("largest", largest, digest.max, max)
  for j, want in ipairs(digest.projections) do
    local sum, key = 0, mix(2000 + 8 * k + j - 1 + 1)
    for i = 0, n - 1 do
      sum = sum + g[i] * (rshift(mix(tobit(key + i)), 8) / 8388608 - 1)
    end
    wrong = wrong or far("projection " .. j, sum, want, norm)
  end
  for s, want in ipairs(digest.samples) do
    local i = hash.word(5000 + k, s - 1) % n
    wrong = wrong or far("element " .. i, g[i], want, max)
  end
  assert(keep)
  return wrong or ""
end

return hash
