-- Inputs drawn exactly as tests/parity/make_dense.py draws them, and comparison with stored values.
local ffi = require "ffi"
local json = require "vgg.json"
local core = require "vgg.core"

local parity = {}

-- n floats of MINSTD between low and high, as an array of doubles.
function parity.draw(seed, n, low, high)
  low, high = low or -1, high or 1
  local s, out = seed, {}
  for i = 1, n do
    s = s * 16807 % 2147483647
    out[i] = low + (high - low) * (s / 2147483647)
  end
  return out
end

function parity.count(shape)
  local n = 1
  for _, d in ipairs(shape) do n = n * d end
  return n
end

-- A float32 tensor of flat values; missing ones are 0.
function parity.tensor(values, shape)
  local n = parity.count(shape)
  local p = ffi.new("float[?]", n + 1)
  for i = 1, n do p[i - 1] = values[i] or 0 end
  return core.from_bytes(ffi.string(p, 4 * n), shape, "float32")
end

-- Flat float values of a tensor of any shape.
function parity.flat(t)
  local n, bytes = t.numel, t:tobytes()
  local p, bits, out = ffi.cast("const float *", bytes), ffi.cast("const uint32_t *", bytes), {}
  for i = 1, n do -- a NaN with a payload would come out of the FFI as some other Lua value
    local nan = bits[i - 1] % 0x80000000 > 0x7f800000
    out[i] = nan and 0 / 0 or p[i - 1]
  end
  return out
end

local edits = {}
function edits.ties(v)
  for i = 1, #v do
    local doubled = tonumber(ffi.new("float", v[i])) * 2
    local low = math.floor(doubled) -- round half to even, as torch.round
    local rest = doubled - low
    if rest > 0.5 or (rest == 0.5 and low % 2 == 1) then low = low + 1 end
    v[i] = low / 2
  end
end
function edits.nan(v)
  for i = 1, #v, 7 do v[i] = 0 / 0 end
end
function edits.minus_inf(v)
  for i = 1, math.floor(#v / 2) do v[i] = -math.huge end
end
function edits.offset(v)
  for i = 1, #v do v[i] = tonumber(ffi.new("float", v[i])) + 1000 end
end

function parity.inputs(case)
  local out = {}
  for i, spec in ipairs(case.inputs) do
    local v = parity.draw(1000 + 77 * (i - 1), parity.count(spec.shape), spec.low, spec.high)
    if i == 1 and edits[case.kind] then edits[case.kind](v) end
    out[i] = parity.tensor(v, spec.shape):requires_grad_()
    out[spec.name] = out[i]
  end
  return out
end

local special = { nan = 0 / 0, inf = math.huge, ["-inf"] = -math.huge }

local function largest(values)
  local most = 0
  for _, v in ipairs(values) do
    if type(v) == "number" and math.abs(v) > most then most = math.abs(v) end
  end
  return most
end

-- nil when t equals what is stored, up to `tolerance` relative to the largest stored value;
-- else why.
function parity.differs(t, stored, tolerance)
  local shape, want = table.concat(t.shape, "x"), table.concat(stored.shape, "x")
  if shape ~= want then return ("shape %s, want %s"):format(shape, want) end
  local got, bound = parity.flat(t), tolerance * math.max(largest(stored.values), 1e-3)
  for i, value in ipairs(stored.values) do
    local g = got[(i - 1) * stored.step + 1]
    local w = special[value] or value
    local same = w ~= w and g ~= g or g == w or math.abs(g - w) <= bound
    if not same then
      return ("element %d: %.8g, want %.8g"):format((i - 1) * stored.step + 1, g, w)
    end
  end
end

function parity.load(name)
  local file = assert(io.open("tests/parity/" .. name .. ".json"))
  local text = file:read "*a"
  file:close()
  return json.decode(text)
end

return parity
