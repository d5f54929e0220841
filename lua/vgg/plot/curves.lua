-- plot.curves: lines over an axis. The legend stands above the plot, so it covers nothing.
local Figure = require "vgg.plot.figure"
local font = require "vgg.plot.font"
local legend = require "vgg.plot.legend"
local theme = require "vgg.plot.theme"
local ticks = require "vgg.plot.ticks"
local util = require "vgg.util"

local known = { title = 1, xlabel = 1, ylabel = 1, series = 1, width = 1, height = 1, theme = 1,
  xscale = 1, yscale = 1, xlim = 1, xwhole = 1, ylim = 1, note = 1 }
local series_known = { name = 1, x = 1, y = 1, dash = 1, mark = 1, colour = 1, faint = 1, dots = 1 }

local small, tick_size = 11.5, 11

local function check(o)
  util.check_options("curves", o, known, 3)
  if type(o.series) ~= "table" then
    error("curves: want series = { { x =, y =, name = } ... }", 3)
  end
  for i, s in ipairs(o.series) do
    util.check_options("curves: series " .. i, s, series_known, 3)
    if type(s.y) ~= "table" then error(("curves: series %d has no y"):format(i), 3) end
    if s.x and #s.x ~= #s.y then
      error(("curves: series %d has %d x and %d y"):format(i, #s.x, #s.y), 3)
    end
  end
end

-- The series with positions instead of values: logarithms where the axis has them, nil for gaps.
local function prepare(o)
  local function scaled(kind)
    if kind ~= "log" then return function(v) return v end end
    return function(v) return type(v) == "number" and v > 0 and math.log10(v) or 0 / 0 end
  end
  local fx, fy, list = scaled(o.xscale), scaled(o.yscale), {}
  for i, s in ipairs(o.series) do
    local x, y = {}, {}
    for k = 1, #s.y do
      local v, at = tonumber(s.y[k]), s.x and tonumber(s.x[k]) or k
      x[k], y[k] = fx(at), v and fy(v) or 0 / 0
    end
    list[i] = { x = x, y = y, name = s.name, dash = s.dash, faint = s.faint, dots = s.dots,
      mark = s.mark, role = s.colour or theme.series_role(i), fx = fx, fy = fy }
  end
  return list
end

local function all_whole(arrays)
  for _, list in ipairs(arrays) do
    for _, v in ipairs(list) do if v ~= math.floor(v) then return false end end
  end
  return true
end

local function axis(arrays, kind, limits, count, padded, whole)
  local low, high = ticks.range(arrays)
  if limits then low, high = limits[1] or low, limits[2] or high end
  if not low then low, high = 0, 1 end
  if kind == "log" then
    if limits then low, high = math.log10(limits[1]), math.log10(limits[2]) end
    return ticks.log(low, high, count)
  end
  local pad = padded and not limits and (high - low) * 0.06 or 0
  whole = whole or (not padded and all_whole(arrays))
  return ticks.linear(low - pad, high + pad, count, { whole = whole })
end

-- Parts of a series between gaps, in pixels; long ones thinned to what a pixel column can show.
local function parts_of(s, box)
  local parts, part, column = {}, nil, nil
  local function at(i) return box.px(s.x[i]), box.py(s.y[i]) end
  local function put(i)
    local px, py = at(i)
    part[#part + 1], part[#part + 2] = px, py
  end
  local function close_column()
    if not column then return end
    local order = { column.first, column.low, column.high, column.last }
    table.sort(order)
    for k, i in ipairs(order) do if i ~= order[k - 1] then put(i) end end
    column = nil
  end
  local thin = #s.x > 3 * box.w
  for i = 1, #s.x do
    if not (ticks.is_number(s.x[i]) and ticks.is_number(s.y[i])) then
      close_column()
      part = nil
    else
      if not part then
        part = {}
        parts[#parts + 1] = part
      end
      local c = thin and math.floor(box.px(s.x[i])) or i
      if not column or column.at ~= c then
        close_column()
        column = { at = c, first = i, low = i, high = i, last = i }
      end
      if s.y[i] < s.y[column.low] then column.low = i end
      if s.y[i] > s.y[column.high] then column.high = i end
      column.last = i
    end
  end
  close_column()
  return parts
end

local function draw_series(f, s, box)
  local lines, dots = {}, {}
  local parts = parts_of(s, box)
  local few = s.dots or (s.dots == nil and not s.dash and #s.x <= 40)
  for _, part in ipairs(parts) do
    if #part > 2 then lines[#lines + 1] = part end
    if #part == 2 or few then
      for i = 1, #part, 2 do dots[#dots + 1] = { part[i], part[i + 1] } end
    end
  end
  local alpha = s.faint and 0.35 or 1
  if #lines > 0 then
    f:line { lines = lines, stroke = s.role, width = s.faint and 1.1 or 1.8, alpha = alpha,
      dash = s.dash and { 4.5, 4 } or nil }
  end
  if #dots > 0 then
    f:line { lines = dots, stroke = s.role, width = s.dash and 3 or 4.2, alpha = alpha }
  end
end

-- How much of the lines runs through a rectangle.
local function crossings(list, box, x, y, w, h)
  local n = 0
  for _, s in ipairs(list) do
    local before_x, before_y
    for i = 1, #s.x do
      local px, py = box.px(s.x[i]), box.py(s.y[i])
      if before_x and px >= x and before_x <= x + w and px > before_x then
        for t = 0, 4 do -- the piece under the rectangle
          local at = math.max(x, before_x) + t / 4 * (math.min(x + w, px) - math.max(x, before_x))
          local v = before_y + (at - before_x) / (px - before_x) * (py - before_y)
          if v >= y and v <= y + h then n = n + 1 end
        end
      end
      before_x, before_y = px, py
    end
  end
  return n
end

-- x, baseline and anchor for the text of a mark at px, py: where the fewest lines are.
local function label_place(list, box, px, py, w)
  local left = math.max(box.x + 2, math.min(px - w / 2, box.x + box.w - w - 2))
  local best, least
  for i, place in ipairs { { left, py - 11 }, { left, py + 20 }, { px - 12, py + 4, "end" },
    { px + 12, py + 4 }, { px + 11, py - 9 }, { px + 11, py + 18 }, { px - 11, py - 9, "end" },
    { px - 11, py + 18, "end" }, { left, py - 26 }, { left, py + 35 }, { px + 14, py - 25 },
    { px - 14, py - 25, "end" }, { px + 14, py + 34 }, { px - 14, py + 34, "end" } } do
    local x, y = place[3] and place[1] - w or place[1], place[2]
    local out = x < box.x or x + w > box.x + box.w + 2 or y - 11 < box.y - 8 or
      y > box.y + box.h - 2
    local cost = crossings(list, box, x - 2, y - 11, w + 4, 14) + (out and 1000 or 0) + i / 10
    for _, other in ipairs(box.labels) do
      local apart = x > other.x + other.w or other.x > x + w or math.abs(y - other.y) > 13
      if not apart then cost = cost + 100 end
    end
    if not least or cost < least then
      best, least = { x = x, y = y, w = w, place = place }, cost
    end
  end
  box.labels[#box.labels + 1] = best
  return unpack(best.place, 1, 3)
end

local function draw_marks(f, s, box, list)
  for _, m in ipairs(s.mark or {}) do
    local x, y = s.fx(m.x), s.fy(m.y)
    if ticks.is_number(x) and ticks.is_number(y) then
      local px, py = box.px(x), box.py(y)
      f:line { points = { px, py }, stroke = s.role, width = 11 }
      f:line { points = { px, py }, stroke = "ground", width = 7.4 }
      f:line { points = { px, py }, stroke = s.role, width = 4.2 }
      if m.text then
        local room = 1.08 * font.width(m.text, small, true)
        local tx, ty, anchor = label_place(list, box, px, py, room)
        f:text { x = tx, y = ty, text = m.text, size = small, fill = s.role, bold = true,
          anchor = anchor, halo = true }
      end
    end
  end
end

local function draw_axes(f, o, box, xa, ya)
  for i, v in ipairs(ya.at) do
    local y = math.floor(box.py(v)) + 0.5
    f:line { points = { box.x, y, box.x + box.w, y }, stroke = "grid" }
    f:text { x = box.x - 8, y = y + 4, text = ya.text[i], size = tick_size, fill = "muted",
      anchor = "end" }
  end
  local bottom = math.floor(box.y + box.h) + 0.5
  local last = -math.huge
  for i, v in ipairs(xa.at) do
    local x = math.floor(box.px(v)) + 0.5
    f:line { points = { x, bottom, x, bottom + 4 }, stroke = "axis" }
    local w = font.width(xa.text[i], tick_size)
    if x - w / 2 > last then
      f:text { x = x, y = bottom + 17, text = xa.text[i], size = tick_size, fill = "muted",
        anchor = "middle" }
      last = x + w / 2 + 8
    end
  end
  f:line { points = { box.x, bottom, box.x + box.w, bottom }, stroke = "axis" }
  if o.xlabel then
    f:text { x = box.x + box.w / 2, y = bottom + 35, text = o.xlabel, size = small, fill = "muted",
      anchor = "middle" }
  end
end

-- Heading, legend and label of the vertical axis; returns where the plot may begin.
local function draw_head(f, o, list)
  local y = 8
  if o.title then
    f:text { x = 14, y = y + 17, text = font.fit(o.title, 15, f.width - 28, true), size = 15,
      bold = true }
    y = y + 26
  end
  if o.note then
    f:text { x = 14, y = y + 14, text = font.fit(o.note, small, f.width - 28), size = small,
      fill = "muted" }
    y = y + 19
  end
  y = y + legend.draw(f, list, 14, y + 4, f.width - 28, small)
  if o.ylabel then
    f:text { x = 14, y = y + 17, text = o.ylabel, size = small, fill = "muted" }
    y = y + 16
  end
  return y + 14
end

-- curves { series = { { name =, x =, y =, dash =, mark = { { x =, y =, text = } } } ... }, title =,
-- xlabel =, ylabel =, width = 720, height = 400, theme =, xscale | yscale = "log", xlim | ylim =
-- { low, high }, xwhole = (ticks at whole numbers) } -> Figure.
-- NaN, infinities and nil leave gaps.
return function(o)
  check(o)
  local f = Figure.new { width = o.width or 720, height = o.height or 400, theme = o.theme }
  local list = prepare(o)
  local top = draw_head(f, o, list)
  local xs, ys = {}, {}
  for i, s in ipairs(list) do xs[i], ys[i] = s.x, s.y end
  local box = { labels = {}, y = top,
    h = math.max(24, f.height - top - (o.xlabel and 46 or 28)) }
  local ya = axis(ys, o.yscale, o.ylim, math.max(2, math.floor(box.h / 46)), true)
  local widest = 0
  for _, text in ipairs(ya.text) do widest = math.max(widest, font.width(text, tick_size)) end
  box.x = math.ceil(22 + widest)
  box.w = math.max(24, f.width - box.x - 22)
  local xa = axis(xs, o.xscale, o.xlim, math.max(2, math.floor(box.w / 64)), false,
    o.xwhole)
  function box.px(v) return box.x + (v - xa.low) / (xa.high - xa.low) * box.w end
  function box.py(v) return box.y + (ya.high - v) / (ya.high - ya.low) * box.h end
  draw_axes(f, o, box, xa, ya)
  if not ticks.range(ys) then
    f:text { x = box.x + box.w / 2, y = box.y + box.h / 2, text = "no data", anchor = "middle",
      fill = "faint", size = 13 }
  end
  f:clip(box.x - 4, box.y - 4, box.w + 8, box.h + 8, function()
    for _, s in ipairs(list) do draw_series(f, s, box) end
  end)
  for _, s in ipairs(list) do draw_marks(f, s, box, list) end
  return f
end
