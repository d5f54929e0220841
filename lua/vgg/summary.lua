-- summary(model, { batch_size = 128, input = { 3, 32, 32 }, ... }): the model as torchinfo shows
-- it, then exact figures: MACs, the most expensive layers, layers without gradient, the memory that
-- training takes, and the largest batch within a budget. Nothing is computed and no tensor is made.
local core = require "vgg.core"
local json = require "vgg.json"
local plan = require "vgg.summary.plan"
local rows = require "vgg.summary.rows"
local torchinfo = require "vgg.summary.torchinfo"
local util = require "vgg.util"

local Summary = { __name = "vgg.Summary" }
Summary.__index = Summary

local defaults = { batch_size = 128, depth = 5, top = 10, accumulate = 1 }
local known = { batch_size = 1, input = 1, depth = 1, columns = 1, budget = 1, optimizer = 1,
  top = 1, accumulate = 1, loss = 1 }
local usual = { "input_size", "output_size", "num_params", "trainable" }

local function fail(fmt, ...) util.fail("usage", "summary: " .. fmt, ...) end

local function check_columns(columns)
  for _, c in ipairs(columns) do
    if not torchinfo.titles[c] then
      fail("no column '%s'%s. Columns: %s", tostring(c), util.hint(tostring(c), torchinfo.titles),
        table.concat(util.keys(torchinfo.titles), " "))
    end
  end
end

-- "Adam", "SGD" ... a function of the model, or false for none.
local function optimizer_of(choice)
  if choice == nil then choice = "Adam" end
  if choice == false or choice == "none" then return false, "no optimizer" end
  if type(choice) == "function" then return choice, "its optimizer" end
  local optim = require "vgg.optim"
  for _, name in ipairs { "Adam", "AdamW", "SGD" } do
    if name:lower() == tostring(choice):lower() then
      local options = name == "SGD" and { lr = 0, momentum = 0.9 } or { lr = 0 }
      return function(model)
        return optim[name] { model, lr = options.lr, momentum = options.momentum }
      end, name
    end
  end
  fail("no optimizer '%s'. Known: Adam AdamW SGD none", tostring(choice))
end

local function ranking(list, batch)
  local layers, total = {}, 0
  for _, row in ipairs(list) do
    if row.leaf and (row.macs > 0 or row.params > 0) then
      local what = row.module:describe()
      layers[#layers + 1] = { name = row.name, what = what, macs = row.macs / batch,
        params = row.recursive and 0 or row.params, frozen = row.params > 0 and row.trained == 0 }
    end
  end
  for _, row in ipairs(list) do if row.depth == 0 then total = row.macs / batch end end
  local place = {}
  for i, layer in ipairs(layers) do place[layer] = i end
  local function by(field)
    local sorted = { unpack(layers) }
    table.sort(sorted, function(a, b)
      if a[field] ~= b[field] then return a[field] > b[field] end
      return place[a] < place[b]
    end)
    return sorted
  end
  return total, by "macs", by "params"
end

local function input_bytes(o)
  local n = 4 * o.batch_size
  for _, d in ipairs(o.input) do n = n * d end
  return n
end

local function options_of(options)
  util.check_options("summary", options, known, 3)
  local o = setmetatable({}, { __index = defaults })
  for k, v in pairs(options) do o[k] = v end
  o.input, o.columns = o.input or { 3, 32, 32 }, o.columns or usual
  check_columns(o.columns)
  for _, name in ipairs { "batch_size", "depth" } do
    local v, low = o[name], name == "depth" and 0 or 1
    if type(v) ~= "number" or v < low or v % 1 ~= 0 then
      fail("%s is a whole number from %d, got %s", name, low, tostring(v))
    end
  end
  if o.budget then
    local bytes = util.parse_bytes(o.budget)
    if not bytes then fail("budget '%s' is not an amount of memory like 16GiB", o.budget) end
    o.budget, o.budget_text = bytes, type(o.budget) == "string" and o.budget or util.bytes(bytes)
  end
  return o
end

local function make(model, options)
  local o = options_of(options or {})
  local optimizer, words = optimizer_of(o.optimizer)
  local list, unreached = rows.collect(model, o)
  local self = setmetatable({ options = o, model = model.__name, rows = list,
    no_gradient = unreached, optimizer = words }, Summary)
  self.compatible = torchinfo.totals(list, input_bytes(o))
  self.macs, self.by_macs, self.by_params = ranking(list, o.batch_size)
  local parameters, trained = model:num_parameters()
  self.parameters, self.trained = parameters, trained
  local training = { batch_size = o.batch_size, input = o.input, optimizer = optimizer,
    accumulate = o.accumulate, loss = o.loss }
  self.memory = plan.training(model, training)
  if o.budget then self.largest_batch = plan.largest_batch(model, training, o.budget) end
  return self
end

-- ---- text ----

local function share(n, total) return total > 0 and ("%5.1f %%"):format(100 * n / total) or "" end

local function add_ranking(self, add)
  local dead = {}
  for _, layer in ipairs(self.no_gradient) do dead[layer.name] = true end
  local top = self.options.top
  local function section(title, list, field, total)
    add(title)
    for i = 1, math.min(top, #list) do
      local l = list[i]
      if l[field] == 0 then break end
      local mark = dead[l.name] and "  gets no gradient" or l.frozen and "  frozen" or ""
      add(("  %-28s %-28s %14s  %s%s"):format(l.name, l.what, util.count(l[field]),
        share(l[field], total), mark))
    end
  end
  section("Most MACs", self.by_macs, "macs", self.macs)
  section("Most parameters", self.by_params, "params", self.parameters)
end

local function exact_lines(self)
  local lines, o, m = {}, self.options, self.memory
  local function add(text) lines[#lines + 1] = text end
  add(("Exact, batch %s"):format(util.count(o.batch_size)))
  add(("Parameters: %s, of which trained %s"):format(util.count(self.parameters),
    util.count(self.trained)))
  add(("MACs: %s an image, %s a batch (convolutions and matrix products, without biases)"):format(
    util.count(self.macs), util.count(self.macs * o.batch_size)))
  add(("Training memory: %s at the peak, %s, %s between steps (parameters and state)"):format(
    util.bytes(m.peak), self.optimizer == "no optimizer" and self.optimizer
    or "with " .. self.optimizer, util.bytes(m.fixed)))
  if self.largest_batch then
    local n, budget = self.largest_batch, o.budget_text
    add(n > 0 and ("Largest batch within %s: %s"):format(budget, util.count(n))
      or ("Not even one image fits within %s"):format(budget))
  end
  add_ranking(self, add)
  if #self.no_gradient == 0 then
    add "Every trained layer gets a gradient"
  else
    local n = 0
    for _, layer in ipairs(self.no_gradient) do n = n + layer.params end
    add(("No gradient arrives at %s parameters (%.1f %%):"):format(util.count(n),
      100 * n / self.parameters))
    for i, layer in ipairs(self.no_gradient) do
      if i > self.options.top then
        add(("  and %d more layers"):format(#self.no_gradient - i + 1))
        break
      end
      add(("  %-28s %14s"):format(layer.name, util.count(layer.params)))
    end
  end
  return lines
end

-- The part that torchinfo prints.
function Summary:torchinfo()
  local o = self.options
  local text, line = torchinfo.table(self.rows, o.columns, o.depth, self.compatible.total_params)
  return text .. "\n" .. torchinfo.footer(self.compatible, line)
end

function Summary:__tostring()
  return self:torchinfo() .. ("\n(as torchinfo counts, batch %s)\n"):format(
    util.count(self.options.batch_size)) .. table.concat(exact_lines(self), "\n")
end

-- Everything as a plain table for JSON.
function Summary:table()
  local layers = {}
  for i, row in ipairs(self.rows) do
    layers[i] = { name = row.name, type = row.type, depth = row.depth, input_size = row.input,
      output_size = row.output, num_params = row.params, trainable_params = row.trained,
      kernel_size = row.kernel, groups = row.groups, macs = row.macs, mult_adds = row.mult_adds,
      recursive = row.recursive }
  end
  local o, c = self.options, self.compatible
  return { model = self.model, batch_size = o.batch_size, input = o.input, layers = layers,
    torchinfo = c, parameters = self.parameters, trained_parameters = self.trained,
    macs_per_image = self.macs, optimizer = self.optimizer, device = core.device.describe(),
    training_bytes = self.memory.peak, fixed_bytes = self.memory.fixed, budget_bytes = o.budget,
    largest_batch = self.largest_batch, no_gradient = self.no_gradient }
end

function Summary:json() return json.encode(self:table()) end

return setmetatable({ class = Summary, plan = plan },
  { __call = function(_, model, options) return make(model, options) end })
