-- Where an axis has its ticks and what stands at them.
local util = require "vgg.util"

local ticks = {}

local function is_number(v) return v == v and v ~= math.huge and v ~= -math.huge end
ticks.is_number = is_number

-- Smallest and largest finite number of some arrays; nil without one. `keep` filters.
function ticks.range(arrays, keep)
  local low, high
  for _, list in ipairs(arrays) do
    for i = 1, #list do
      local v = list[i]
      if type(v) == "number" and is_number(v) and (not keep or keep(v)) then
        if not low or v < low then low = v end
        if not high or v > high then high = v end
      end
    end
  end
  return low, high
end

-- 1, 2, 2.5 or 5 times a power of ten: the least that gives at most `count` steps.
local function nice_step(span, count, whole)
  local raw = span / count
  local power = 10 ^ math.floor(math.log10(raw))
  for _, m in ipairs { 1, 2, 2.5, 5, 10, 20 } do
    local step = m * power
    if step >= raw * (1 - 1e-9) and not (whole and (step < 1 or step ~= math.floor(step))) then
      return step
    end
  end
  return math.max(1, math.ceil(raw))
end

local function decimals(step)
  for d = 0, 12 do
    local scaled = step * 10 ^ d
    if math.abs(scaled - math.floor(scaled + 0.5)) < 1e-6 * scaled then return d end
  end
  return 12
end

-- Text of a value on an axis with that step and that largest size.
local function label(v, step, most)
  local size = math.abs(v)
  if size < step * 1e-6 then return "0" end
  if size >= 1e7 or step < 1e-5 then
    local text = ("%.3g"):format(v)
    return (text:gsub("e%+?(%-?)0*", "e%1"))
  end
  local d = decimals(step)
  local text = ("%." .. d .. "f"):format(v)
  if most >= 10000 and d == 0 then text = util.count(tonumber(text)) end
  return (text:gsub("^%-", "−"))
end

-- A linear axis over low .. high: { at = { positions }, text = { labels }, low =, high = }. With
-- `widen` the ends are moved out to ticks. `whole`: ticks at whole numbers only.
function ticks.linear(low, high, count, o)
  o = o or {}
  if high - low < 1e-12 * math.max(1, math.abs(low), math.abs(high)) then
    local pad = o.whole and 1 or math.max(math.abs(low) * 0.1, 1e-3)
    low, high = low - pad, high + pad
  end
  local step = nice_step(high - low, math.max(1, count), o.whole)
  local axis = { at = {}, text = {}, low = low, high = high, step = step }
  if o.widen then
    axis.low = math.floor(low / step + 1e-9) * step
    axis.high = math.ceil(high / step - 1e-9) * step
  end
  local most = math.max(math.abs(axis.low), math.abs(axis.high))
  for i = math.ceil(axis.low / step - 1e-9), math.floor(axis.high / step + 1e-9) do
    axis.at[#axis.at + 1] = i * step
    axis.text[#axis.text + 1] = label(i * step, step, most)
  end
  return axis
end

local function power_text(k)
  if k >= -4 and k <= 5 then return util.count(tonumber(("%.4f"):format(10 ^ k))) end
  return ("1e%d"):format(k)
end

-- A logarithmic axis; positions are logarithms to base ten, as low and high are.
function ticks.log(low, high, count)
  if high - low < 1e-9 then low, high = low - 0.5, high + 0.5 end
  local axis = { at = {}, text = {}, low = low, high = high }
  local step = math.max(1, math.ceil((high - low) / math.max(1, count)))
  for k = math.ceil(low - 1e-9), math.floor(high + 1e-9) do
    if k % step == 0 then
      axis.at[#axis.at + 1], axis.text[#axis.text + 1] = k, power_text(k)
    end
  end
  if #axis.at < 2 then -- less than a decade: a few round values in between
    axis.at, axis.text = {}, {}
    for k = math.floor(low), math.ceil(high) do
      for _, m in ipairs { 1, 2, 5 } do
        local v = math.log10(m) + k
        if v >= low - 1e-9 and v <= high + 1e-9 then
          axis.at[#axis.at + 1], axis.text[#axis.text + 1] = v, ("%.3g"):format(m * 10 ^ k)
        end
      end
    end
  end
  return axis
end

return ticks
