-- metrics.jsonl: one JSON object a line. A value that is not finite is null, and the object
-- "nonfinite" of the row tells which it was: {"val/loss":null,"nonfinite":{"val/loss":"nan"}}.
local core = require "vgg.core"
local json = require "vgg.json"

local Jsonl = {}
Jsonl.__index = Jsonl

function Jsonl.new(run)
  return setmetatable({ name = "jsonl", path = run:path "metrics.jsonl", rows = 0 }, Jsonl)
end

local function text(v)
  if v ~= v then return "nan" end
  return v > 0 and "inf" or "-inf"
end

-- The row with numbers JSON does not know taken out.
function Jsonl.plain(row)
  local out, odd = {}, nil
  for key, v in pairs(row) do
    if type(v) == "number" and (v ~= v or v == math.huge or v == -math.huge) then
      odd = odd or {}
      odd[key], v = text(v), json.null
    end
    out[key] = v
  end
  out.nonfinite = odd
  return out
end

function Jsonl:log_metrics(row)
  if not self.file then self.file = assert(io.open(self.path, "ab")) end
  assert(self.file:write(json.encode(Jsonl.plain(row)), "\n"))
  assert(self.file:flush())
  self.rows = self.rows + 1
end

function Jsonl:log_confusion_matrix(m)
  self:log_metrics { type = "confusion_matrix", key = m.key, title = m.title, epoch = m.epoch,
    classes = m.classes, confusion_matrix = m.matrix }
end

-- Keeps the first n rows, for a run that goes on from there. Returns how many there are.
function Jsonl:truncate(n)
  self:close()
  local kept, f = {}, io.open(self.path, "rb")
  if f then
    local all = f:read "*a"
    f:close()
    for line in all:gmatch "[^\n]*\n" do
      if #kept == n then break end
      kept[#kept + 1] = line
    end
    assert(core.fs.write(self.path, table.concat(kept), "log"))
  end
  self.rows = #kept
  return #kept
end

function Jsonl:flush()
  if self.file then self.file:flush() end
end

function Jsonl:close()
  if self.file then self.file:close() end
  self.file = nil
end

return Jsonl
