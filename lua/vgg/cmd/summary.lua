-- `vgglua summary MODEL|CHECKPOINT|RUN`: the table of layers, totals, memory of training.
local cli = require "vgg.cli"
local util = require "vgg.util"

local spec = {
  "Shows the layers of a model (by name), a checkpoint or a run as torchinfo does, then exact "
    .. "figures: MACs, most expensive layers, layers without gradient, memory of training.",
  { "batch_size", 128, "images a step", type = "int", min = 1 },
  { "input", { "3", "32", "32" }, "shape of an image" },
  { "depth", 5, "levels of the tree shown", type = "int", min = 0 },
  { "columns", { "input_size", "output_size", "num_params", "trainable" },
    "also kernel_size, groups, params_percent, mult_adds" },
  { "budget", nil, "memory for training, as 16GiB: prints the largest batch", type = "string" },
  { "optimizer", "Adam", "Adam, AdamW, SGD or none" },
  { "accumulate", 1, "batches a step", type = "int", min = 1 },
  { "top", 10, "layers in the lists", type = "int", min = 0 },
  { "set", {}, "options of a model given by name, as head=small,num_classes=100" },
  { "runs_dir", "runs", "where runs are kept" },
  { "json", false, "one JSON object" },
  args = "MODEL|CHECKPOINT|RUN",
}

local function value_of(text)
  if text == "true" then return true elseif text == "false" then return false end
  return tonumber(text) or text
end

local function model_options(list)
  local options = {}
  for _, item in ipairs(list) do
    local name, value = item:match "^([%w_]+)=(.*)$"
    if not name then
      util.fail("usage", "vgglua summary: --set wants name=value, got '%s'", item)
    end
    options[name] = value_of(value)
  end
  return options
end

local function model_of(what, opt)
  local models = require "vgg.models"
  for _, name in ipairs(models.names()) do
    if name == what then
      local ok, model = pcall(models.build, name, model_options(opt.set))
      if ok then return model end
      util.fail("usage", "vgglua summary: %s", tostring(model):gsub("^[^\n:]-%.lua:%d+: ", ""))
    end
  end
  local near = util.suggest(what, models.names())
  local runs = require "vgg.train.runs"
  local ok, path = pcall(runs.find, what, opt.runs_dir, "best")
  if ok and util.exists(path) then return (require "vgg.train.load"(path)) end
  if near or not (what:find "[/.]") then
    util.fail("usage", "vgglua summary: no model, run or checkpoint '%s'%s. Models: %s", what,
      near and (" (did you mean '%s'?)"):format(near) or "", table.concat(models.names(), " "))
  end
  return (require "vgg.train.load"(what, { runs_dir = opt.runs_dir })) -- says what is missing
end

local function shape_of(list)
  local shape = {}
  for i, text in ipairs(list) do
    local n = tonumber(text)
    if not n or n < 1 or n % 1 ~= 0 then
      util.fail("usage", "vgglua summary: --input wants whole numbers like 3,32,32, got '%s'", text)
    end
    shape[i] = n
  end
  return shape
end

return function(...)
  local opt = cli.parse(spec, { ... }, "vgglua summary")
  if #opt ~= 1 then
    util.fail("usage", "vgglua summary: want a model, checkpoint or run: vgglua summary vgg16_bn%s",
      opt[1] and (", got '%s'"):format(table.concat(opt, " ")) or "")
  end
  local summary = require "vgg.summary"(model_of(opt[1], opt), {
    batch_size = opt.batch_size, input = shape_of(opt.input), depth = opt.depth,
    columns = opt.columns, budget = opt.budget, optimizer = opt.optimizer, top = opt.top,
    accumulate = opt.accumulate,
  })
  print(opt.json and summary:json() or tostring(summary))
  return 0
end
