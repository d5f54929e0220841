-- Custom charts: a table and the panel that draws it.
local json = require "vgg.json"
local Table = require "vgg.wandb.table"
local util = require "vgg.util"

local plot = {}

local Chart = { __name = "vgg.wandb.Chart" }
Chart.__index = Chart
plot.Chart = Chart

-- Chart { table =, spec = "wandb/bar/v0", fields = { label = "column", ... },
--         strings = { title = "..." }, split_table = false }
function Chart.new(o)
  util.check_options("wandb.plot_table", o, { table = 1, spec = 1, fields = 1, strings = 1,
    split_table = 1 }, 2)
  return setmetatable({ table = o.table, spec = o.spec, fields = o.fields,
    strings = o.strings or {}, split_table = o.split_table }, Chart)
end

-- Where the chart's table is logged.
function Chart:table_key(key)
  return (self.split_table and "Custom Chart Tables/" or "") .. key .. "_table"
end

local function field(name, fields) return { name = name, fields = json.array(fields or {}) } end

-- The entry of the run's config that makes the panel.
function Chart:config(key)
  local summary = field "summaryTable"
  summary.args = { { name = "tableKey", value = self:table_key(key) } }
  local sets = field("runSets", { field "id", field "name", field "_defaultColorIndex", summary })
  sets.args = { { name = "runSets", value = "${runSets}" } }
  return { panel_type = "Vega2", panel_config = { panelDefId = self.spec,
    fieldSettings = self.fields, stringSettings = self.strings,
    transform = { name = "tableWithLeafColNames" }, userQuery = { queryFields = { sets } } } }
end

local function same(...)
  local fields = {}
  for _, name in ipairs { ... } do fields[name] = name end
  return fields
end

-- confusion_matrix { matrix = counts[actual][predicted], classes = names, title =,
-- split_table = true }: the finished matrix, no predictions needed.
function plot.confusion_matrix(o)
  util.check_options("wandb.plot.confusion_matrix", o, { matrix = 1, classes = 1, title = 1,
    split_table = 1 }, 2)
  local m = o.matrix
  if type(m) == "userdata" then m = m:totable() end
  if type(m) ~= "table" or type(m[1]) ~= "table" then
    error("wandb.plot.confusion_matrix: want matrix = { { counts }, ... }", 2)
  end
  local names, t = {}, Table.new { columns = { "Actual", "Predicted", "nPredictions" } }
  for i = 1, #m do names[i] = tostring(o.classes and o.classes[i] or i - 1) end
  for i, row in ipairs(m) do
    if #row ~= #m then
      error(("wandb.plot.confusion_matrix: row %d has %d columns, want %d"):format(i, #row, #m), 2)
    end
    for j, n in ipairs(row) do t:add_data(names[i], names[j], n) end
  end
  return Chart.new { table = t, spec = "wandb/confusion_matrix/v1",
    fields = same("Actual", "Predicted", "nPredictions"),
    strings = { title = o.title or "Confusion Matrix Curve" },
    split_table = o.split_table ~= false }
end

-- line_series { xs = numbers or one list a series, ys = { series, ... }, keys = names, title =,
-- xname = "x" }
function plot.line_series(o)
  util.check_options("wandb.plot.line_series", o, { xs = 1, ys = 1, keys = 1, title = 1, xname = 1,
    split_table = 1 }, 2)
  local t = Table.new { columns = { "step", "lineKey", "lineVal" } }
  for i, ys in ipairs(o.ys) do
    local xs = type(o.xs[1]) == "table" and o.xs[i] or o.xs
    local name = o.keys and o.keys[i] or ("line_%d"):format(i - 1)
    for k, y in ipairs(ys) do t:add_data(xs[k], name, y) end
  end
  return Chart.new { table = t, spec = "wandb/lineseries/v0",
    fields = same("step", "lineKey", "lineVal"),
    strings = { title = o.title or "", xname = o.xname or "x" }, split_table = o.split_table }
end

local function simple(name, spec, ...)
  local settings_of = { ... }
  plot[name] = function(t, o)
    local fields = {}
    for _, f in ipairs(settings_of) do
      fields[f] = o[f] or error(("wandb.plot.%s: want %s = column"):format(name, f), 2)
    end
    return Chart.new { table = t, spec = spec, fields = fields, strings = { title = o.title or "" },
      split_table = o.split_table }
  end
end

-- line, scatter(table, { x =, y =, title = }), bar(table, { label =, value = }),
-- histogram(table, { value = })
simple("scatter", "wandb/scatter/v0", "x", "y")
simple("bar", "wandb/bar/v0", "label", "value")
simple("histogram", "wandb/histogram/v0", "value")

function plot.line(t, o)
  local chart = Chart.new { table = t, spec = "wandb/line/v0", fields = { x = o.x, y = o.y,
    stroke = o.stroke }, strings = { title = o.title or "" }, split_table = o.split_table }
  return chart
end

return plot
