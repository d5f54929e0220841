-- Reads a W&B transaction log without any of our code: chunks with their sums, records, fields.
-- Raises at the first thing that is not as the format says.
local bit = require "bit"

local reader = {}

local crc_table = {}
for i = 0, 255 do
  local c = i
  for _ = 1, 8 do
    c = bit.bxor(bit.rshift(c, 1), bit.band(0xEDB88320, -bit.band(c, 1)))
  end
  crc_table[i] = c
end

function reader.crc32(s)
  local c = -1
  for i = 1, #s do
    c = bit.bxor(bit.rshift(c, 8), crc_table[bit.band(bit.bxor(c, s:byte(i)), 255)])
  end
  return bit.bnot(c) % 2 ^ 32
end

local function little(s, at, n)
  local v = 0
  for i = n - 1, 0, -1 do v = v * 256 + s:byte(at + i) end
  return v
end

-- The records of a log as strings, and its chunk types. A zero header ends it, as for LevelDB.
function reader.records(data)
  assert(data:sub(1, 7) == ":W&B\225\190\0", "not a W&B log")
  local list, types, at, parts = {}, {}, 7, nil
  while at < #data do
    local left = 32768 - at % 32768
    if left < 7 then
      assert(data:sub(at + 1, at + left) == ("\0"):rep(left), "padding is not zero")
      at = at + left
    else
      assert(#data - at >= 7, "cut in a header")
      local crc, n, kind = little(data, at + 1, 4), little(data, at + 5, 2), data:byte(at + 7)
      if crc == 0 and n == 0 and kind == 0 then break end
      assert(n <= left - 7, "a chunk crosses a block")
      assert(#data >= at + 7 + n, "cut in a chunk")
      assert(reader.crc32(data:sub(at + 7, at + 7 + n)) == crc, "wrong sum")
      types[#types + 1] = kind
      assert((kind == 1 or kind == 2) == (parts == nil), "chunks out of order")
      parts = (parts or "") .. data:sub(at + 8, at + 7 + n)
      if kind == 1 or kind == 4 then list[#list + 1], parts = parts, nil end
      at = at + 7 + n
    end
  end
  assert(parts == nil, "ends within a record")
  return list, types
end

local function varint(s, at)
  local v, scale = 0, 1
  while true do
    local b = s:byte(at)
    v, at = v + b % 128 * scale, at + 1
    if b < 128 then return v, at end
    scale = scale * 128
  end
end

-- Fields of a message: { [number] = { values } }; numbers, or strings still encoded.
function reader.fields(s)
  local out, at = {}, 1
  while at <= #s do
    local tag, v
    tag, at = varint(s, at)
    local number, wire = math.floor(tag / 8), tag % 8
    if wire == 0 then
      v, at = varint(s, at)
    elseif wire == 2 then
      local n
      n, at = varint(s, at)
      assert(at + n - 1 <= #s, "a field ends outside")
      v, at = s:sub(at, at + n - 1), at + n
    else
      error("wire type " .. wire)
    end
    out[number] = out[number] or {}
    table.insert(out[number], v)
  end
  return out
end

local names = { [2] = "history", [3] = "summary", [5] = "config", [6] = "files", [7] = "stats",
  [8] = "artifact", [12] = "metric", [13] = "output_raw", [17] = "run", [18] = "exit",
  [20] = "final", [21] = "header", [22] = "footer", [26] = "environment" }

-- A file's records as { name =, fields = }; numbers must count up from 1.
function reader.read(path)
  local f = assert(io.open(path, "rb"))
  local data, out = f:read "*a", {}
  f:close()
  for i, record in ipairs((reader.records(data))) do
    local fields = reader.fields(record)
    assert(fields[1][1] == i, "records are not numbered")
    fields[1] = nil
    local number, value = next(fields)
    assert(names[number] and next(fields, number) == nil, "not one known member")
    out[i] = { name = names[number], fields = reader.fields(value[1]) }
  end
  return out
end

-- Items of a history, summary or config record: "a.b" -> JSON text.
function reader.items(list)
  local out = {}
  for _, item in ipairs(list or {}) do
    local f = reader.fields(item)
    out[f[1] and f[1][1] or table.concat(f[2], ".")] = f[16][1]
  end
  return out
end

-- All records of a name.
function reader.all(records, name)
  local out = {}
  for _, r in ipairs(records) do
    if r.name == name then out[#out + 1] = r.fields end
  end
  return out
end

-- The log in a run directory.
function reader.log_of(dir, id) return ("%s/run-%s.wandb"):format(dir, id) end

return reader
