-- What TensorBoard shows beside curves: the flags of a run in the HPARAMS tab (and hparams.yaml),
-- and the charts of CUSTOM SCALARS. Field numbers are those of the plugins' own .proto files.
local cli = require "vgg.cli"
local core = require "vgg.core"
local util = require "vgg.util"

local hparams = {}

-- Metrics that the HPARAMS tab lists beside the flags.
hparams.metrics = { "val/acc", "val/loss", "train/acc", "train/loss", "best/acc", "best/loss",
  "best/epoch", "test/acc", "test/loss" }

-- Tags are patterns that match anywhere.
hparams.charts = {
  { title = "loss", tags = { "^train/loss$", "^val/loss$", "^test/loss$" } },
  { title = "accuracy", tags = { "^train/acc$", "^val/acc$", "^test/acc$" } },
  { title = "learning rate", tags = { "^lr-.*" } },
}

-- Flags that come first in the table: what runs are usually compared by.
hparams.first = { "model", "lr", "batch_size", "augment", "dropout" }

local function finite(v) return v == v and v ~= math.huge and v ~= -math.huge end

-- Flags as { name, value }, sorted; lists as text, what is not set or has no text left out.
local function listed(flags)
  local list = {}
  for _, name in ipairs(util.keys(flags)) do
    local v = flags[name]
    if type(v) == "table" and v[1] ~= nil then
      local words = {}
      for i, x in ipairs(v) do words[i] = tostring(x) end
      v = table.concat(words, ",")
    end
    if type(v) == "number" and not finite(v) then v = tostring(v) end
    if type(v) == "number" or type(v) == "string" or type(v) == "boolean" then
      list[#list + 1] = { name, v }
    end
  end
  return list
end

local function number(v)
  if v == math.floor(v) and math.abs(v) < 2 ^ 53 then return ("%d"):format(v) end
  local text = ("%.15g"):format(v)
  if tonumber(text) ~= v then text = ("%.17g"):format(v) end
  -- YAML takes 1e-05 for text: its numbers with an exponent have a point.
  return (text:gsub("^(-?%d+)e", "%1.0e"))
end

local function quoted(s)
  return '"' .. s:gsub('[\\"]', "\\%0"):gsub("%c", function(c)
    return ("\\x%02x"):format(c:byte())
  end) .. '"'
end

-- The same, those given on the command line before all others, then hparams.first.
local function by_interest(flags)
  local list, rank = listed(flags), {}
  for i, name in ipairs(hparams.first) do rank[name] = i - 100 end
  for i, pair in ipairs(list) do
    local given = cli.source(flags, pair[1]) == "flag"
    rank[pair] = (rank[pair[1]] or i) + (given and -1000 or 0)
  end
  table.sort(list, function(a, b) return rank[a] < rank[b] end)
  return list
end

-- hparams.yaml: one flag a line.
function hparams.yaml(flags, run_name)
  local lines = { "run: " .. quoted(run_name) }
  for _, pair in ipairs(listed(flags)) do
    local v = pair[2]
    lines[#lines + 1] = ("%s: %s"):format(pair[1], type(v) == "number" and number(v)
      or type(v) == "string" and quoted(v) or tostring(v))
  end
  return table.concat(lines, "\n") .. "\n"
end

-- A google.protobuf.Value
local function value(v)
  if type(v) == "number" then return { { 2, "double", v } } end
  if type(v) == "boolean" then return { { 4, "bool", v } } end
  return { { 3, "string", v } }
end

local types = { string = 1, boolean = 2, number = 3 }

local function record(tag, field, message, at, step)
  local content = core.log.protobuf { { field, "message", message } }
  return core.log.tb_tensor(at, step or 0, tag, "hparams", content, nil)
end

-- Records that open a session: what there is to compare, and this run's values. `at`: seconds since
-- 1970.
function hparams.start(flags, run_name, at)
  local experiment, session = {}, {}
  for _, pair in ipairs(by_interest(flags)) do
    experiment[#experiment + 1] = { 4, "message", { { 1, "string", pair[1] },
      { 4, "uint", types[type(pair[2])] } } }
  end
  for _, pair in ipairs(listed(flags)) do
    local name, v = pair[1], pair[2]
    session[#session + 1] = { 1, "message", { { 1, "string", name },
      { 2, "message", value(v) } } }
  end
  for _, tag in ipairs(hparams.metrics) do
    experiment[#experiment + 1] = { 5, "message", { { 1, "message", { { 2, "string", tag } } } } }
  end
  session[#session + 1] = { 4, "string", run_name }
  session[#session + 1] = { 5, "double", at }
  return { record("_hparams_/experiment", 2, experiment, at),
    record("_hparams_/session_start_info", 3, session, at) }
end

-- The record that ends it.
function hparams.finish(success, at, step)
  return record("_hparams_/session_end_info", 4, { { 1, "uint", success and 1 or 2 },
    { 2, "double", at } }, at, step)
end

-- The charts of the CUSTOM SCALARS tab.
function hparams.layout(at)
  local charts = { { 1, "string", "training" } }
  for _, chart in ipairs(hparams.charts) do
    local tags = {}
    for i, tag in ipairs(chart.tags) do tags[i] = { 1, "string", tag } end
    charts[#charts + 1] = { 2, "message", { { 1, "string", chart.title },
      { 2, "message", tags } } }
  end
  local layout = core.log.protobuf { { 2, "message", charts } }
  return core.log.tb_tensor(at, 0, "custom_scalars__config__", "custom_scalars", "", layout)
end

return hparams
