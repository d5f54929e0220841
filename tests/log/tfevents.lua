-- Reads TensorBoard's event files independently of the writer: framing with both check sums, then
-- the fields of the events.
local bit = require "bit"
local ffi = require "ffi"

local tfevents = {}

local crc_table = {}
for i = 0, 255 do
  local c = i
  for _ = 1, 8 do
    c = bit.band(c, 1) == 1 and bit.bxor(bit.rshift(c, 1), 0x82f63b78) or bit.rshift(c, 1)
  end
  crc_table[i] = c
end

local function masked(s)
  local c = -1
  for i = 1, #s do
    c = bit.bxor(bit.rshift(c, 8), crc_table[bit.band(bit.bxor(c, s:byte(i)), 255)])
  end
  c = bit.bnot(c)
  c = bit.tobit(bit.bor(bit.rshift(c, 15), bit.lshift(c, 17)) + 0xa282ead8)
  return c
end

local function u32(s, i)
  local a, b, c, d = s:byte(i, i + 3)
  return bit.bor(a, bit.lshift(b, 8), bit.lshift(c, 16), bit.lshift(d, 24))
end

local function u64(s, i)
  return tonumber(ffi.cast("const uint64_t *", ffi.new("char[8]", s:sub(i, i + 7)))[0])
end

-- The payloads of a file's records, and the number of bytes left over at its end.
function tfevents.records(text)
  local list, at = {}, 1
  while #text - at + 1 >= 12 do
    local n = u64(text, at)
    assert(u32(text, at + 8) == masked(text:sub(at, at + 7)), "check sum of a length")
    if #text - at + 1 < 16 + n then break end
    local payload = text:sub(at + 12, at + 11 + n)
    assert(u32(text, at + 12 + n) == masked(payload), "check sum of a record")
    list[#list + 1] = payload
    at = at + 16 + n
  end
  return list, #text - at + 1
end

local function varint(s, i)
  local v, scale = 0, 1
  repeat
    local b = s:byte(i)
    v, scale, i = v + bit.band(b, 127) * scale, scale * 128, i + 1
  until b < 128
  return v, i
end

-- Fields of a message: { [number] = { values } }.
function tfevents.fields(s)
  local out, i = {}, 1
  while i <= #s do
    local tag, value, n
    tag, i = varint(s, i)
    local number, kind = math.floor(tag / 8), tag % 8
    if kind == 0 then
      value, i = varint(s, i)
    elseif kind == 1 then
      value, i = ffi.cast("const double *", ffi.new("char[8]", s:sub(i, i + 7)))[0], i + 8
    elseif kind == 5 then
      value, i = ffi.cast("const float *", ffi.new("char[4]", s:sub(i, i + 3)))[0], i + 4
    else
      assert(kind == 2, "kind of a field")
      n, i = varint(s, i)
      value, i = s:sub(i, i + n - 1), i + n
      assert(#value == n, "length of a field")
    end
    out[number] = out[number] or {}
    table.insert(out[number], value)
  end
  return out
end

local fields = tfevents.fields

local function first(f, number) return f[number] and f[number][1] end

local function value_of(text)
  local f = fields(text)
  local v = { tag = first(f, 1), scalar = first(f, 2) }
  if f[4] then
    local image = fields(first(f, 4))
    v.image = { height = first(image, 1), width = first(image, 2), png = first(image, 4) }
  end
  if f[5] then v.histogram = fields(first(f, 5)) end
  if f[8] then v.strings = fields(first(f, 8))[8] end
  if f[9] then v.plugin = first(fields(first(fields(first(f, 9)), 1)), 1) end
  return v
end

-- { { step =, version =, restart =, values = { { tag =, scalar =, image =, strings = } } } }
function tfevents.read(text)
  local records, rest = tfevents.records(text)
  local list = {}
  for i, payload in ipairs(records) do
    local f = fields(payload)
    local e = { wall = first(f, 1), step = first(f, 2) or 0, version = first(f, 3),
      restart = f[7] ~= nil, values = {} }
    for _, v in ipairs(f[5] and fields(f[5][1])[1] or {}) do
      e.values[#e.values + 1] = value_of(v)
    end
    list[i] = e
  end
  return list, rest
end

-- { [tag] = { { step, scalar | value } ... } }
function tfevents.by_tag(events)
  local out = {}
  for _, e in ipairs(events) do
    for _, v in ipairs(e.values) do
      out[v.tag] = out[v.tag] or {}
      table.insert(out[v.tag], { e.step, v.scalar or v })
    end
  end
  return out
end

return tfevents
