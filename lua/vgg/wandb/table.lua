-- Tables: a file for the run page, an artifact with the images, a value for the row.
local digest = require "vgg.wandb.digest"
local json = require "vgg.json"
local media = require "vgg.wandb.media"
local settings = require "vgg.wandb.settings"
local util = require "vgg.util"

local Table = { __name = "vgg.wandb.Table" }
Table.__index = Table

-- Table { columns = { "a", "b" }, data = { { 1, "x" }, ... } }; cells are numbers, strings,
-- booleans, json.null (or nil) and images.
function Table.new(o)
  util.check_options("wandb.Table", o, { columns = 1, data = 1, rows = 1 }, 2)
  if type(o.columns) ~= "table" then error("wandb.Table: want columns = { names }", 2) end
  local t = setmetatable({ columns = o.columns, data = {} }, Table)
  for _, row in ipairs(o.data or o.rows or {}) do t:add_data(unpack(row, 1, #t.columns)) end
  return t
end

function Table:add_data(...)
  local n = select("#", ...)
  if n ~= #self.columns then
    error(("wandb.Table: a row has %d cells, want %d"):format(n, #self.columns), 2)
  end
  self.data[#self.data + 1] = { ... }
end

local function is_null(v) return v == nil or v == json.null end

local function odd(v) return type(v) == "number" and (v ~= v or math.abs(v) == math.huge) end

-- A cell in the file of the run page.
local function plain(v)
  if is_null(v) or odd(v) then return json.null end
  return media.is_image(v) and "Image" or v
end

-- ---- types ----

local function const(val, is_set)
  return { wb_type = "const", params = { val = val, is_set = is_set } }
end

local function image_type()
  return { wb_type = "image-file", params = {
    box_layers = const({}, false), mask_layers = const({}, false),
    box_class_maps = const({}, false), mask_class_maps = const({}, false),
    class_map = const({}, false), box_score_keys = const(json.array {}, true) } }
end

-- In the order the official client sorts them in.
local order = { "boolean", "image-file", "none", "number", "string", "unknown" }

local function type_of(v)
  if media.is_image(v) then return "image-file" end
  local t = type(v)
  if t == "number" or t == "string" or t == "boolean" then return t end
  error(("wandb.Table: a cell is a %s"):format(t), 0)
end

local function column_type(t, column)
  local found = {}
  for _, row in ipairs(t.data) do
    local v = row[column]
    if not is_null(v) then found[type_of(v)] = true end
  end
  if not next(found) then found.unknown = true end
  found.none = true
  local allowed = {}
  for _, name in ipairs(order) do
    if found[name] then
      allowed[#allowed + 1] = name == "image-file" and image_type() or { wb_type = name }
    end
  end
  return { wb_type = "union", params = { allowed_types = allowed } }
end

local function column_types(t)
  local map = {}
  for i, name in ipairs(t.columns) do map[name] = column_type(t, i) end
  return { wb_type = "typedDict", params = { type_map = map } }
end

-- ---- the files ----

local function rows_of(t, cell)
  local rows = {}
  for i, row in ipairs(t.data) do
    rows[i] = json.array {}
    for k = 1, #t.columns do rows[i][k] = cell(row[k]) end
  end
  return json.array(rows)
end

-- An image's entry of the artifact and its cell.
local function image_cell(image, add)
  local bytes = image:png()
  local width, height = image:size()
  local path = ("media/images/%s.png"):format(digest.md5(bytes):sub(1, 20))
  add(path, bytes)
  return { _type = "image-file", path = path, sha256 = digest.sha256(bytes), format = "png",
    width = width, height = height, caption = image.caption }
end

local function artifact_text(t, add)
  return json.encode_bare { _type = "table", columns = t.columns, ncols = #t.columns,
    nrows = #t.data, log_mode = "IMMUTABLE", column_types = column_types(t),
    data = rows_of(t, function(v)
      if media.is_image(v) then return image_cell(v, add) end
      return plain(v)
    end) }
end

local function artifact(run, key, t, entry)
  local entries, seen = {}, {}
  local function add(path, bytes)
    if seen[path] then return end
    seen[path] = true
    entries[#entries + 1] = { path = path, bytes = bytes, size = #bytes,
      digest = digest.md5_base64(bytes) }
  end
  local text = run.mend(artifact_text(t, add))
  add(entry, text)
  table.sort(entries, function(a, b) return a.path < b.path end)
  return run:log_artifact { type = "run_table",
    name = digest.artifact_name(("run-%s-%s"):format(run.id, key)), entries = entries,
    client_id = settings.random(128), sequence_client_id = settings.random(128) }
end

-- The value of a table under a key; its files are on their way when this returns.
function Table:value(run, key)
  local shown = { columns = self.columns, data = self.data }
  if #self.data > 10000 then
    run:warn("%s: the run page shows 10000 of %d rows", key, #self.data)
    shown.data = {}
    for i = 1, 10000 do shown.data[i] = self.data[i] end
  end
  local entry = key:match "table%.json$" and key or key .. ".table.json"
  local a = artifact(run, key, self, entry)
  local text = run.mend(json.encode_bare { columns = self.columns, data = rows_of(shown, plain) })
  local path, sha = media.save(run, "table", key, text, "table.json")
  return { _type = "table-file", sha256 = sha, size = #text, path = path, ncols = #self.columns,
    nrows = #self.data, log_mode = "IMMUTABLE",
    artifact_path = ("wandb-client-artifact://%s/%s"):format(a.client_id, entry),
    _latest_artifact_path = ("wandb-client-artifact://%s:latest/%s"):format(a.sequence_client_id,
      entry) }
end

return Table
