-- metrics.jsonl: one JSON object a line, the base of every other view. A value that is not finite
-- is null, and the object "nonfinite" of the row tells which it was:
-- {"val/loss":null,"nonfinite":{"val/loss":"nan"}}. Images lie in media/, tables in tables/, and a
-- row tells where.
local core = require "vgg.core"
local Image = require "vgg.log.image"
local json = require "vgg.json"
local Sink = require "vgg.log.sink"
local util = require "vgg.util"

local Jsonl = {}
Jsonl.__index = Jsonl

function Jsonl.new(run)
  return setmetatable({ name = "jsonl", run = run, path = run:path "metrics.jsonl", rows = 0,
    made = {}, sink = Sink.new "jsonl" }, Jsonl)
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

-- A file in a directory of the run; returns its path within the run.
local function put(self, directory, name, bytes)
  if not self.made[directory] then
    self.made[directory] = assert(core.fs.mkdir(self.run:path(directory)))
  end
  local file = directory .. "/" .. name
  self.sink:put(self.run:path(file), bytes)
  return file
end

-- A key as part of a file name.
function Jsonl.safe(key) return (key:gsub("[^%w%._-]", "_")) end

function Jsonl:log_metrics(row)
  if self.sink:append(self.path, json.encode(Jsonl.plain(row)) .. "\n") then
    self.rows = self.rows + 1
  end
end

-- What the run came to.
function Jsonl:log_summary(values, more)
  local row = { type = "summary", best = Jsonl.plain(values) }
  for key, value in pairs(more or {}) do row[key] = value end
  self:log_metrics(row)
end

function Jsonl:log_confusion_matrix(m)
  self:log_metrics { type = "confusion_matrix", key = m.key, title = m.title, epoch = m.epoch,
    step = m.step, classes = m.classes, confusion_matrix = m.matrix }
end

local function media(self, o, image, n)
  local at = o.step or o.epoch
  local name = ("%s_%s%s.png"):format(Jsonl.safe(o.key), at and at .. "_" or "", n)
  return put(self, "media", name, image:png())
end

function Jsonl:log_images(o)
  local list = {}
  for i, image in ipairs(o.images) do
    image = Image.new(image)
    list[i] = { image = media(self, o, image, i), caption = image.caption }
  end
  self:log_metrics { type = "images", key = o.key, step = o.step, epoch = o.epoch, images = list }
end

-- tables/<key>.json holds the last table of the key: columns, and rows whose images are
-- { image = "media/...", caption = }.
function Jsonl:log_table(o)
  local rows = {}
  for i, row in ipairs(o.rows) do
    local cells = {}
    for k = 1, #o.columns do
      local cell = row[k]
      if Image.is(cell) then
        cell = { image = media(self, o, cell, i .. "_" .. k), caption = cell.caption }
      end
      cells[k] = cell == nil and json.null or cell
    end
    rows[i] = cells
  end
  local file = put(self, "tables", Jsonl.safe(o.key) .. ".json", json.encode { key = o.key,
    columns = o.columns, rows = rows, step = o.step, epoch = o.epoch } .. "\n")
  self:log_metrics { type = "table", key = o.key, step = o.step, epoch = o.epoch, table = file,
    rows = #rows }
end

function Jsonl:log_text(o)
  self:log_metrics { type = "text", key = o.key, step = o.step, epoch = o.epoch, text = o.text }
end

function Jsonl:log_histogram(o)
  local h = require("vgg.log.histogram")(o)
  self:log_metrics { type = "histogram", key = o.key, step = o.step, epoch = o.epoch,
    bins = h.bins, counts = h.counts }
end

function Jsonl:log_file(o)
  self:log_metrics { type = "file", name = o.name, path = o.path }
end

-- Keeps the first n rows, for a run that goes on from there. Returns how many there are.
function Jsonl:truncate(n)
  self.sink:forget(self.path)
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

-- See log.lua; `at` is the checkpoint's position.
function Jsonl:resume(at)
  local kept = at.rows and self:truncate(at.rows)
  if kept and kept < at.rows then
    util.log("warn", "resume: metrics.jsonl has %d rows, the checkpoint stands after row %d", kept,
      at.rows)
  end
end

function Jsonl:view() return "vgglua report " .. self.run.dir end

function Jsonl:flush(durable) self.sink:flush(durable) end
function Jsonl:close() self.sink:close() end

return Jsonl
