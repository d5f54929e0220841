-- Where the time of steps goes, kernel by kernel:
--   local p = vgg.profile { model = model }      -- from here on
--   p:pause() ... p:resume() ... p:step()        -- counted are the steps between
--   local report = p:stop()                      -- rows, totals, ceilings; tostring: the table
local core = require "vgg.core"
local util = require "vgg.util"

local profile = {}
profile.__index = profile

local Report = {}
Report.__index = Report

-- ---- what the machine can do at most ----

-- The least seconds of some calls of fn.
local function fastest(device, times, fn)
  local best = math.huge
  for _ = 1, times do
    core.scope(function()
      core.device.synchronise(device)
      local from = core.clock()
      fn()
      core.device.synchronise(device)
      best = math.min(best, core.clock() - from)
    end)
  end
  return best
end

-- { copy = bytes a second read and written, f32 =, bf16 = flops a second of a product }: a copy
-- beyond the caches and matrix products, by the device's own kernels; in bf16 the better one of a
-- product and a convolution, whose operands are packed once; nil where it would be emulated.
function profile.ceilings(device)
  return core.scope(core.no_grad, function()
    local n, m = 2 ^ 24, 2048
    local a, b = core.zeros({ n }, "float32", device), core.zeros({ n }, "float32", device)
    local x = core.zeros({ m, m }, "float32", device)
    local w = core.zeros({ m, m }, "float32", device)
    local function linear() return x:linear(w) end
    local out = { copy = 8 * n / fastest(device, 4, function() a:copy_(b) end),
      f32 = 2 * m ^ 3 / fastest(device, 4, linear) }
    if core.device.bf16(device) then
      local images = core.zeros({ 128, 256, 8, 8 }, "float32", device)
      local taps = core.zeros({ 256, 256, 3, 3 }, "float32", device)
      local input = core.autocast("bf16", images.conv2d, images, { weight = taps, pad = 1 })
      local function conv() return input:conv2d { weight = taps, pad = 1 } end
      local function half(fn)
        return fastest(device, 6, function() core.autocast("bf16", fn) end)
      end
      out.bf16 = math.max(2 * m ^ 3 / half(linear), 18 * 128 * 8 * 8 * 256 ^ 2 / half(conv))
    end
    return out
  end)
end

-- ---- recording ----

local function name_parameters(model)
  for name, p in model:named_parameters() do
    if p.ndim > 1 or name:find "weight$" then
      core.profile.name(p, (name:gsub("%.weight$", "")))
    end
  end
end

function profile.start(o)
  util.check_options("profile", o, { model = 1, device = 1 }, 3)
  local self = setmetatable({ device = o.device or "cpu", steps = 0, seconds = 0 }, profile)
  core.profile.start(self.device)
  if o.model then name_parameters(o.model) end
  self.since = core.clock()
  return self
end

function profile:pause()
  if not self.since then return end
  core.device.synchronise(self.device)
  self.seconds = self.seconds + core.clock() - self.since
  self.since = nil
  core.profile.switch(false, self.device)
end

function profile:resume()
  if self.since then return end
  core.profile.switch(true, self.device)
  self.since = core.clock()
end

-- Another step ended.
function profile:step() self.steps = self.steps + 1 end

function profile:stop()
  self:pause()
  local rows, totals = core.profile.rows(self.device)
  core.profile.stop(self.device)
  totals.steps, totals.seconds, totals.kernels = math.max(self.steps, 1), self.seconds, 0
  for _, r in ipairs(rows) do
    totals.kernels = totals.kernels + r.seconds
    r.ms = 1e3 * r.seconds / totals.steps
    r.gflops = r.flops / r.seconds / 1e9
    r.gbytes = r.bytes / r.seconds / 1e9
    r.share = r.seconds / totals.seconds
  end
  return setmetatable({ device = core.device.describe(self.device), rows = rows, totals = totals,
    ceilings = profile.ceilings(self.device) }, Report)
end

-- ---- the report ----

local heads = { "layer", "operation", "pass", "kernel", "layout", "shape", "calls", "ms", "GFLOP/s",
  "GB/s", "share" }

local function cells(r, steps)
  return { r.label ~= "" and r.label or "-", r.op, r.pass, r.kernel ~= "" and r.kernel or "-",
    r.layout, r.shape, ("%.3g"):format(r.calls / steps), ("%.2f"):format(r.ms),
    r.flops > 0 and ("%.1f"):format(r.gflops) or "-", ("%.1f"):format(r.gbytes),
    ("%.1f %%"):format(100 * r.share) }
end

local function aligned(list)
  local width, lines = {}, {}
  for _, row in ipairs(list) do
    for i, c in ipairs(row) do width[i] = math.max(width[i] or 0, #c) end
  end
  for k, row in ipairs(list) do
    local out = {}
    for i, c in ipairs(row) do
      out[i] = ((i > 6 and "%" or "%-") .. width[i] .. "s"):format(c)
    end
    lines[k] = (table.concat(out, "  "):gsub("%s+$", ""))
  end
  return lines
end

-- Rows by time, those under half a percent as one.
local function table_lines(self)
  local rows, list = {}, { heads }
  for i, r in ipairs(self.rows) do rows[i] = r end
  table.sort(rows, function(a, b) return a.seconds > b.seconds end)
  local small, seconds = 0, 0
  for _, r in ipairs(rows) do
    if r.share >= 0.005 then
      list[#list + 1] = cells(r, self.totals.steps)
    else
      small, seconds = small + 1, seconds + r.seconds
    end
  end
  local lines = aligned(list)
  if small > 0 then
    lines[#lines + 1] = ("and %d smaller ones: %.2f ms, %.1f %%"):format(small,
      1e3 * seconds / self.totals.steps, 100 * seconds / self.totals.seconds)
  end
  return lines
end

local function total_lines(self)
  local t, c, flops, bytes = self.totals, self.ceilings, 0, 0
  for _, r in ipairs(self.rows) do flops, bytes = flops + r.flops, bytes + r.bytes end
  return {
    ("%d steps of %.1f ms: %.1f ms in kernels (%.1f %%), the rest between them"):format(t.steps,
      1e3 * t.seconds / t.steps, 1e3 * t.kernels / t.steps, 100 * t.kernels / t.seconds),
    ("%.1f GFLOP and %.2f GB a step: %.1f GFLOP/s, %.1f GB/s; ceilings measured here: %.1f GFLOP/s "
      .. "in f32%s, %.1f GB/s copied"):format(flops / t.steps / 1e9, bytes / t.steps / 1e9,
      flops / t.seconds / 1e9, bytes / t.seconds / 1e9, c.f32 / 1e9,
      c.bf16 and (", %.1f in bf16"):format(c.bf16 / 1e9) or "", c.copy / 1e9),
    ("a step: %.1f reorders and copies (%.1f MB), %.1f blocks taken, %.2f from the device"):format(
      t.reorders / t.steps, t.reorder_bytes / t.steps / 1e6, t.taken / t.steps,
      t.device_allocs / t.steps),
  }
end

function Report:lines()
  local lines = table_lines(self)
  for _, line in ipairs(total_lines(self)) do lines[#lines + 1] = line end
  return lines
end

function Report:__tostring() return table.concat(self:lines(), "\n") end

return setmetatable(profile, { __call = function(_, o) return profile.start(o or {}) end })
