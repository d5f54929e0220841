-- Stored tensors { shape, values } of the parity files, and comparison with an absolute and a
-- relative bound per element. NaN and infinities travel as strings.
local core = require "vgg.core"
local json = require "vgg.json"

local stored = {}

local special = { nan = 0 / 0, inf = math.huge, ["-inf"] = -math.huge }

function stored.load(name)
  local file = assert(io.open("tests/parity/" .. name .. ".json"))
  local text = file:read "*a"
  file:close()
  return json.decode(text)
end

-- Numbers of a stored array, "nan" and the like included.
function stored.values(list)
  local out = {}
  for i, v in ipairs(list) do out[i] = special[v] or v end
  return out
end

function stored.tensor(spec, dtype)
  local ffi = require "ffi"
  local kind, size = "float[?]", 4
  if dtype == "int64" then kind, size = "int64_t[?]", 8 end
  local values = stored.values(spec.values)
  local bytes = ffi.string(ffi.new(kind, #values + 1, values), size * #values)
  return core.from_bytes(bytes, spec.shape, dtype or "float32")
end

-- nil when a is near b (both numbers or both NaN), else a text.
function stored.far(a, b, tolerance)
  b = special[b] or b
  if (a ~= a and b ~= b) or a == b then return nil end
  if math.abs(a - b) <= tolerance * math.max(1, math.abs(b)) then return nil end
  return ("%.9g, want %.9g"):format(a, b)
end

local function flatten(t, out)
  if type(t) ~= "table" then
    out[#out + 1] = t
  else
    for _, v in ipairs(t) do flatten(v, out) end
  end
  return out
end

-- nil when the tensor equals the stored one, else what differs.
function stored.differs(t, spec, tolerance)
  local shape, want = table.concat(t.shape, "x"), table.concat(spec.shape, "x")
  if shape ~= want then return ("shape %s, want %s"):format(shape, want) end
  local got = flatten(t:totable(), {})
  for i, w in ipairs(spec.values) do
    local why = stored.far(got[i], w, tolerance)
    if why then return ("element %d: %s"):format(i, why) end
  end
  if #got ~= #spec.values then return ("%d values, want %d"):format(#got, #spec.values) end
end

return stored
