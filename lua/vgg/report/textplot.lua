-- Curves in the terminal: eight dots a character in Braille patterns, or plain characters where the
-- terminal does not show UTF-8. textplot { series =, width =, height = } -> array of lines.
local bit = require "bit"
local font = require "vgg.plot.font"
local ticks = require "vgg.plot.ticks"
local util = require "vgg.util"

local dots = { { 0x01, 0x02, 0x04, 0x40 }, { 0x08, 0x10, 0x20, 0x80 } }

local function braille(bits)
  return string.char(0xe2, 0xa0 + bit.rshift(bits, 6), 0x80 + bit.band(bits, 63))
end

local Grid = {}
Grid.__index = Grid

-- columns x rows of characters; every one has two times four dots.
local function grid(columns, rows)
  return setmetatable({ columns = columns, rows = rows, bits = {}, series = {} }, Grid)
end

function Grid:dot(x, y, series)
  if x < 0 or y < 0 or x >= 2 * self.columns or y >= 4 * self.rows then return end
  local cell = math.floor(y / 4) * self.columns + math.floor(x / 2)
  self.bits[cell] = bit.bor(self.bits[cell] or 0, dots[x % 2 + 1][y % 4 + 1])
  self.series[cell] = series
end

function Grid:line(x0, y0, x1, y1, series)
  local n = math.max(math.abs(x1 - x0), math.abs(y1 - y0), 1)
  n = math.min(n, 4 * (self.columns + self.rows) * 4)
  for i = 0, n do
    self:dot(math.floor(x0 + (x1 - x0) * i / n + 0.5), math.floor(y0 + (y1 - y0) * i / n + 0.5),
      series)
  end
end

local function draw(g, list, xa, ya)
  local w, h = 2 * g.columns - 1, 4 * g.rows - 1
  for s, one in ipairs(list) do
    local px, py
    for i = 1, #one.y do
      local vx, vy = one.x[i], one.y[i]
      if ticks.is_number(vx) and ticks.is_number(vy) then
        local x = math.floor((vx - xa.low) / (xa.high - xa.low) * w + 0.5)
        local y = math.floor((ya.high - vy) / (ya.high - ya.low) * h + 0.5)
        if px then g:line(px, py, x, y, s) else g:dot(x, y, s) end
        px, py = x, y
      else
        px, py = nil, nil
      end
    end
  end
end

local function cell_text(g, cell, list, o)
  local bits = g.bits[cell]
  if not bits then return " " end
  local s = list[g.series[cell]]
  return util.paint(s.colour, o.utf8 and braille(bits) or s.sign, o.colour)
end

-- The label that stands in each row of characters, by tick.
local function labels_of(ya, rows)
  local at, widest = {}, 0
  for i, v in ipairs(ya.at) do
    local row = math.floor((ya.high - v) / (ya.high - ya.low) * (rows - 1) + 0.5)
    at[row] = at[row] or ya.text[i]:gsub("−", "-")
    widest = math.max(widest, #at[row])
  end
  return at, widest
end

local function foot(xa, left, columns)
  local line, n = (" "):rep(left), left
  for i, v in ipairs(xa.at) do
    local text = xa.text[i]:gsub("−", "-")
    local at = left + math.floor((v - xa.low) / (xa.high - xa.low) * (columns - 1) + 0.5) -
      math.floor(#text / 2)
    at = math.min(at, left + columns - #text)
    if at > n or (i == 1 and at >= n) then
      line = line .. (" "):rep(at - n) .. text
      n = at + #text
    end
  end
  return line .. (" "):rep(left + columns - n)
end

local function head(list, title, width, o)
  local parts, n = { title }, #title
  for _, s in ipairs(list) do
    local more = #font.characters(s.name) + 4
    if n + more > width then break end
    parts[#parts + 1] = "  " .. util.paint(s.colour, (o.utf8 and "─ " or s.sign .. " ") .. s.name,
      o.colour)
    n = n + more
  end
  return table.concat(parts) .. (" "):rep(math.max(0, width - n))
end

-- series: { { name =, x =, y =, colour = (of util.paint), sign = "*" } ... }; title; width, height
-- in characters; colour and utf8 say what the terminal can do; xlim.
return function(o)
  local xs, ys = {}, {}
  for i, s in ipairs(o.series) do xs[i], ys[i] = s.x, s.y end
  local low, high = ticks.range(ys)
  local left, right = ticks.range(xs)
  if o.xlim then left, right = o.xlim[1], o.xlim[2] end
  local rows = math.max(2, o.height - 2)
  local pad = low and (high - low) * 0.04 or 0
  local ya = ticks.linear((low or 0) - pad, (high or 1) + pad, math.max(1, math.floor(rows / 3)))
  local at, widest = labels_of(ya, rows)
  local columns = math.max(8, o.width - widest - 2)
  local xa = ticks.linear(left or 0, right or 1, math.max(2, math.floor(columns / 12)),
    { whole = true })
  local g = grid(columns, rows)
  draw(g, o.series, xa, ya)
  local lines = { head(o.series, o.title or "", o.width, o) }
  for row = 0, rows - 1 do
    local text = at[row] or ""
    local cells = {}
    for c = 0, columns - 1 do cells[c + 1] = cell_text(g, row * columns + c, o.series, o) end
    lines[#lines + 1] = (" "):rep(widest - #text) .. text .. (o.utf8 and " │" or " |") ..
      table.concat(cells)
  end
  lines[#lines + 1] = foot(xa, widest + 2, columns)
  return lines
end
