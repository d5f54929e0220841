-- model:trace(x [, { target = }]): one forward and backward with an eye on every layer: shapes,
-- statistics, gradient norms, and in words what looks wrong. The model stays as it is.
local core = require "vgg.core"
local labels = require "vgg.labels"
local util = require "vgg.util"

local Trace = { __name = "vgg.Trace" }
Trace.__index = Trace

-- Bounds of what is called sound, in one place.
local limits = {
  gain = 50, big = 100, -- a layer's scale against its input's, and how far from 1 it must be
  large = 1e4, small = 1e-6, -- root mean square of an output, whatever the input's
  gradient_gain = 1e3, -- gradient norm against the norm at the model's output
  gradient_small = 1e-6,
  enough = 64,         -- values of a channel before "always 0" means something
}

local function item(t) return t:item() end

local function rms(stats) return math.sqrt(stats.mean * stats.mean + stats.std * stats.std) end

local function measure(y)
  local s = y:detach():stats()
  s.n, s.bad, s.zero_share = y.numel, s.nan + s.infinite, s.zeros / y.numel
  s.channels, s.dead = y.ndim > 1 and y.shape[2] or 1, 0
  s.seen = y.numel / s.channels -- values of a channel
  for _, c in ipairs(y.ndim > 1 and y:detach():channel_stats() or {}) do
    if c.zeros == s.seen then s.dead = s.dead + 1 end
  end
  return s
end

-- ---- words ----

local function activation_words(row)
  local s = row.stats
  if s.bad > 0 then
    return "non-finite", ("%s of %s values%s"):format(util.count(s.bad), util.count(s.n),
      row.clean_input and " from a finite input" or "")
  end
  if s.zero_share == 1 then return "dead", "every output is 0" end
  local scale, before = rms(s), row.input_scale
  if scale > limits.large and before <= limits.large
    or scale > limits.big and before > 0 and scale / before > limits.gain then
    return "exploding", ("scale %.2g, %.2g times its input's"):format(scale, scale / before)
  end
  if scale < limits.small and before >= limits.small
    or scale < 1 / limits.big and before > 0 and scale / before < 1 / limits.gain then
    return "vanishing", ("scale %.2g, %.2g times its input's"):format(scale, scale / before)
  end
  if s.n > 1 and s.std < 1e-6 * math.abs(s.mean) then
    return "constant", ("every output is %.3g"):format(s.mean)
  end
  if s.seen >= limits.enough and s.dead >= s.channels / 2 then
    return "half dead", ("%d of %d channels are always 0"):format(s.dead, s.channels)
  end
end

local function gradient_words(row, reference)
  local g = row.gradient
  if not g then return "no gradient", "nothing flows back to it" end
  if g ~= g or g == math.huge then return "non-finite gradient", "its norm is " .. tostring(g) end
  if g == 0 then return "no gradient", "it is 0 everywhere" end
  if g < limits.gradient_small * reference then
    return "vanishing gradient", ("norm %.1e, %.0e of the output's"):format(g, g / reference)
  end
  if g > limits.gradient_gain * reference then
    return "exploding gradient", ("norm %.1e, %.0e times the output's"):format(g, g / reference)
  end
end

-- Only what begins here is told: a layer behind a dead or broken one suffers, it does not cause.
local function judge(rows, reference)
  local broken
  for _, row in ipairs(rows) do
    local kind, words = activation_words(row)
    local repeated = broken and (kind == "non-finite" or kind == "dead" or kind == "constant")
    if kind and not (repeated and kind == broken) then row.flag, row.words = kind, words end
    if kind == "non-finite" or kind == "dead" then broken = kind end
  end
  local last
  for i = #rows, 1, -1 do
    local row = rows[i]
    if row.flag and row.flag ~= "half dead" then break end -- it explains the gradients before it
    local kind, words = gradient_words(row, reference)
    if kind and kind ~= last and not row.flag then row.flag, row.words = kind, words end
    last = kind
  end
end

-- ---- running ----

local function listen(model, rows, outputs)
  local handles = {}
  for name, module in model:named_modules() do
    if #module._order == 0 then
      handles[#handles + 1] = module:register_forward_hook(function(m, x, y)
        if type(y) ~= "userdata" or y.dtype ~= "float32" then return end
        local what, how = m:describe()
        local row = { name = name, what = what, how = how, shape = y.shape, stats = measure(y) }
        local before = type(x) == "userdata" and x:detach():stats()
        row.input_scale = before and rms(before) or 0
        row.clean_input = before and before.nan + before.infinite == 0
        if y.requires_grad then y:retain_grad() end
        rows[#rows + 1], outputs[#rows + 1] = row, y
      end)
    end
  end
  return handles
end

-- Runs fn; gradients, buffers and random numbers are put back after.
local function untouched(model, fn)
  local buffers, parameters, grads = {}, {}, {}
  local seed, position = core.rng_state()
  for _, t in model:named_buffers() do buffers[#buffers + 1] = { t, t:clone() } end
  for _, p in model:named_parameters() do
    parameters[#parameters + 1] = p
    grads[#parameters] = p.grad or false
    p:set_grad(nil)
  end
  local ok, result = pcall(fn)
  for i, p in ipairs(parameters) do p:set_grad(grads[i] or nil) end
  if model.training then
    core.no_grad(function() for _, b in ipairs(buffers) do b[1]:copy_(b[2]) end end)
  end
  core.set_rng_state(seed, position)
  if not ok then error(result, 0) end
  return result
end

-- What is differentiated: the loss of the target, else the largest score of every image, which does
-- not saturate.
local function objective(y, target)
  if y.ndim ~= 2 then return y:sum(), "the sum of the outputs" end
  if target == nil then return y:amax(2):sum(), "the largest score" end
  return y:cross_entropy(labels.tensor(target, y.shape[1])), "the loss"
end

local function run(model, x, o)
  local rows, outputs, self = {}, {}, nil
  local handles = listen(model, rows, outputs)
  local ok, why = pcall(function()
    local y = model(x:detach():requires_grad_(true))
    local value, of = objective(y, o.target)
    if y.requires_grad then
      y:retain_grad()
      value:backward()
    end
    for i, row in ipairs(rows) do
      local g = outputs[i].grad
      row.gradient = g and item(g:norm()) or nil
    end
    local top = y.grad and item(y.grad:norm()) or 0
    self = { rows = rows, of = of, value = item(value), reference = top }
  end)
  for _, handle in ipairs(handles) do handle.remove() end
  if not ok then error(why, 0) end
  return self
end

-- ---- text ----

local function short(v)
  if v ~= v then return "nan" end
  local a = math.abs(v)
  if a == 0 then return "0" end
  if a < 1e-3 or a >= 1e4 then return ("%.1e"):format(v) end
  return a >= 100 and ("%.1f"):format(v) or ("%.4f"):format(v)
end

local function percent(v)
  if v == 0 then return "0 %" end
  if v == 1 then return "100 %" end
  return ("%.1f %%"):format(math.min(99.9, math.max(0.1, 100 * v)))
end

local function cells_of(row)
  return { row.name ~= "" and row.name or "(model)", row.what, table.concat(row.shape, "x"),
    short(row.stats.mean), short(row.stats.std), percent(row.stats.zero_share),
    row.gradient and short(row.gradient) or "-" }
end

-- The layers that are flagged: { { name =, flag =, words = } ... }.
function Trace:flagged()
  local list = {}
  for _, row in ipairs(self.rows) do if row.flag then list[#list + 1] = row end end
  return list
end

function Trace:__tostring()
  local lines, widths = {}, {}
  local table_rows = { { "layer", "", "output", "mean", "std", "zeros", "|grad|" } }
  for i, row in ipairs(self.rows) do table_rows[i + 1] = cells_of(row) end
  for _, cells in ipairs(table_rows) do
    for c, text in ipairs(cells) do widths[c] = math.max(widths[c] or 0, #text) end
  end
  for i, cells in ipairs(table_rows) do
    local parts = {}
    for c, text in ipairs(cells) do
      local space = (" "):rep(widths[c] - #text)
      parts[c] = c <= 3 and text .. space or space .. text
    end
    local row = self.rows[i - 1]
    local flag = row and row.flag and ("  %s: %s"):format(row.flag, row.words) or ""
    lines[i] = (table.concat(parts, "  ") .. flag):gsub("%s+$", "")
  end
  local flagged = self:flagged()
  lines[#lines + 1] = ("%s, gradient of %s (%s); %s"):format(self.head, self.of, short(self.value),
    #flagged == 0 and "nothing looks wrong"
    or #flagged == 1 and "1 layer looks wrong" or #flagged .. " layers look wrong")
  return table.concat(lines, "\n")
end

local trace = {}

-- trace(x [, { target = class name, number or labels }]) of an image or a batch. The result prints
-- as a table; rows, flagged().
function trace:trace(x, options)
  options = options or {}
  util.check_options("trace", options, { target = true }, 2)
  if type(x) ~= "userdata" then error("trace: want a tensor", 2) end
  local result = core.scope(function()
    return untouched(self, function()
      return run(self, x.ndim == 3 and x:unsqueeze(1) or x, options)
    end)
  end)
  result.head = ("%s, %s mode"):format(self.__name, self.training and "training" or "evaluation")
  judge(result.rows, result.reference)
  return setmetatable(result, Trace)
end

return trace
