-- Writes pickles, protocol 2, as torch.load(weights_only=True) takes them. Lua tables become lists
-- or dicts; what Lua cannot tell apart is marked: pickle.tuple { 1, 2 }, pickle.dict { { k, v } }
-- (any keys, in this order), pickle.ordered (an OrderedDict), pickle.float(1), pickle.none.
local json = require "vgg.json"
local util = require "vgg.util"

local pickle = { none = setmetatable({}, { __pickle = "none" }) }

local function marker(kind)
  local mt = { __pickle = kind }
  return function(value) return setmetatable(value, mt) end
end

pickle.tuple, pickle.dict, pickle.ordered = marker "tuple", marker "dict", marker "ordered"
pickle.list = marker "list"
local float, storage, tensor = marker "float", marker "storage", marker "tensor"

-- A number that stays a float although it is whole.
function pickle.float(x) return float { x } end

-- A storage's persistent id: key, type name ("FloatStorage"), number of elements; `legacy` adds the
-- field for views that the older format has.
function pickle.storage(s) return storage(s) end

-- { storage =, shape =, stride = }: a tensor at the start of a storage.
function pickle.tensor(t) return tensor(t) end

local function little(n, width)
  local bytes = {}
  for i = 1, width do
    bytes[i] = string.char(n % 256)
    n = math.floor(n / 256)
  end
  return table.concat(bytes)
end

-- IEEE double, big-endian.
local function double(x)
  if x ~= x then return "\127\248\0\0\0\0\0\0" end
  local sign = (x < 0 or 1 / x < 0) and 128 or 0
  x = math.abs(x)
  if x == math.huge then return string.char(sign + 127, 240, 0, 0, 0, 0, 0, 0) end
  local m, e = math.frexp(x)
  if x == 0 then
    m, e = 0, 0
  elseif e < -1021 then -- subnormal
    m, e = x * 2 ^ 537 * 2 ^ 537, 0
  else
    m, e = (m * 2 - 1) * 2 ^ 52, e + 1022
  end
  local tail = little(m % 2 ^ 48, 6):reverse()
  return string.char(sign + math.floor(e / 16), e % 16 * 16 + math.floor(m / 2 ^ 48)) .. tail
end

local function integer(n)
  if n >= 0 and n < 256 then return "K" .. string.char(n) end
  if n >= 0 and n < 65536 then return "M" .. little(n, 2) end
  if n >= -2 ^ 31 and n < 2 ^ 31 then return "J" .. little(n % 2 ^ 32, 4) end
  return "\138\8" .. little(n % 2 ^ 32, 4) .. little(math.floor(n / 2 ^ 32) % 2 ^ 32, 4)
end

local function text(s) return "X" .. little(#s, 4) .. s end

local encode

local function items(out, list, open, close)
  out[#out + 1] = open
  for _, v in ipairs(list) do encode(out, v) end
  out[#out + 1] = close
end

local function pairs_of(out, list)
  if #list == 0 then return end
  out[#out + 1] = "("
  for _, pair in ipairs(list) do
    encode(out, pair[1])
    encode(out, pair[2])
  end
  out[#out + 1] = "u"
end

local marked = {}

function marked.none(out) out[#out + 1] = "N" end
function marked.float(out, v) out[#out + 1] = "G" .. double(v[1]) end
function marked.tuple(out, v) items(out, v, "(", "t") end
function marked.list(out, v) items(out, v, "](", "e") end

function marked.dict(out, v)
  out[#out + 1] = "}"
  pairs_of(out, v)
end

function marked.ordered(out, v)
  out[#out + 1] = "ccollections\nOrderedDict\n)R"
  pairs_of(out, v)
end

function marked.storage(out, s)
  out[#out + 1] = "(" .. text "storage" .. "ctorch\n" .. s.type .. "\n" .. text(s.key)
    .. text "cpu" .. integer(s.elements) .. (s.legacy and "N" or "") .. "tQ"
end

-- _rebuild_tensor_v2(storage, offset, shape, stride, requires_grad, hooks)
function marked.tensor(out, t)
  out[#out + 1] = "ctorch._utils\n_rebuild_tensor_v2\n("
  encode(out, t.storage)
  out[#out + 1] = "K\0"
  encode(out, pickle.tuple { unpack(t.shape) })
  encode(out, pickle.tuple { unpack(t.stride) })
  out[#out + 1] = "\137ccollections\nOrderedDict\n)RtR"
end

local function plain_table(out, v)
  local n = 0
  for _ in pairs(v) do n = n + 1 end
  if n > 0 and n == #v then return marked.list(out, v) end
  local list = {}
  for i, key in ipairs(util.keys(v)) do list[i] = { key, v[key] } end
  if #list ~= n then error("pickle: a table has keys that are neither text nor 1 to n", 0) end
  return marked.dict(out, list)
end

function encode(out, v)
  local kind = type(v)
  if v == nil or v == json.null then
    out[#out + 1] = "N"
  elseif kind == "boolean" then
    out[#out + 1] = v and "\136" or "\137"
  elseif kind == "string" then
    out[#out + 1] = text(v)
  elseif kind == "number" then
    local whole = v == math.floor(v) and math.abs(v) < 2 ^ 53
    out[#out + 1] = whole and integer(v) or "G" .. double(v)
  elseif kind == "table" then
    local mt = getmetatable(v)
    local write = mt and marked[mt.__pickle]
    if write then write(out, v) else plain_table(out, v) end
  else
    error("pickle: a " .. kind .. " has no form in Python", 0)
  end
end

-- The pickle of a value.
function pickle.dumps(value)
  local out = { "\128\2" }
  encode(out, value)
  out[#out + 1] = "."
  return table.concat(out)
end

return pickle
