-- Text as pen strokes: font.width(text, size, bold), font.strokes(...) and font.fit, which shortens
-- a text to a width. Text is UTF-8; a character without a glyph shows as an empty box.
local glyphs = require "vgg.plot.glyphs"

local font = {}

local curve_steps = 7
local missing = "0,0 0,14 7,14 7,0 0,0"

-- One stroke of the description -> x, y, x, y ... with curves flattened.
local function flatten(text)
  local line, x, y, cx, cy = {}, nil, nil, nil, nil
  for bend, px, py in text:gmatch "(~?)([^%s,]+),(%S+)" do
    px, py = tonumber(px), tonumber(py)
    if bend == "~" then
      cx, cy = px, py
    else
      if cx then
        for i = 1, curve_steps - 1 do
          local t = i / curve_steps
          local a, b, c = (1 - t) ^ 2, 2 * t * (1 - t), t * t
          line[#line + 1], line[#line + 2] = a * x + b * cx + c * px, a * y + b * cy + c * py
        end
        cx, cy = nil, nil
      end
      line[#line + 1], line[#line + 2] = px, py
      x, y = px, py
    end
  end
  return line
end

local function strokes_of(text)
  local lines = {}
  for stroke in text:gmatch "[^|]+" do lines[#lines + 1] = flatten(stroke) end
  return lines
end

local function extent(lines)
  local low, high = math.huge, -math.huge
  for _, line in ipairs(lines) do
    for i = 1, #line, 2 do low, high = math.min(low, line[i]), math.max(high, line[i]) end
  end
  return low, high
end

local cache = {}

local function accented(letter)
  local base, mark = unpack(glyphs.accented[letter])
  local shape = glyphs.shapes[base]
  if base == "i" then shape = shape:match "^[^|]*" end
  local lines = strokes_of(shape)
  local low, high = extent(lines)
  local middle, lift = (low + high) / 2, (base:match "%u" and mark ~= ",") and 4 or 0
  for _, line in ipairs(strokes_of(glyphs.marks[mark])) do
    for i = 1, #line, 2 do line[i], line[i + 1] = line[i] + middle, line[i + 1] + lift end
    lines[#lines + 1] = line
  end
  return lines, high
end

-- { lines =, width = } in units.
local function glyph(char)
  local g = cache[char]
  if g then return g end
  if char == " " or char == "\194\160" then
    g = { lines = {}, width = glyphs.space - glyphs.gap }
  elseif glyphs.accented[char] then
    local lines, width = accented(char)
    g = { lines = lines, width = width }
  else
    local lines = strokes_of(glyphs.shapes[char] or missing)
    local _, high = extent(lines)
    g = { lines = lines, width = char:match "%d" and glyphs.digit or high }
  end
  cache[char] = g
  return g
end

-- The characters of a text; bytes that are no UTF-8 stand for themselves.
function font.characters(text)
  local list, i = {}, 1
  while i <= #text do
    local c = text:match("^[\194-\244][\128-\191]+", i) or text:sub(i, i)
    local n = c:byte() >= 240 and 4 or c:byte() >= 224 and 3 or c:byte() >= 194 and 2 or 1
    list[#list + 1] = c:sub(1, n)
    i = i + math.min(n, #c)
  end
  return list
end

-- Width in pixels of one line.
function font.width(text, size, bold)
  local units, chars = 0, font.characters(text)
  for _, c in ipairs(chars) do units = units + glyph(c).width + glyphs.gap end
  if bold then units = units + 0.5 * #chars end
  return math.max(0, units - glyphs.gap) * size / glyphs.size
end

-- The text, or as much of its beginning as fits with an ellipsis.
function font.fit(text, size, width, bold)
  if font.width(text, size, bold) <= width then return text end
  local chars = font.characters(text)
  for n = #chars - 1, 1, -1 do
    local short = table.concat(chars, "", 1, n):gsub("%s+$", "") .. "…"
    if font.width(short, size, bold) <= width then return short end
  end
  return ""
end

-- Width of the pen in pixels.
function font.pen(size, bold)
  return math.max(bold and 1.4 or 1, (bold and glyphs.bold or glyphs.pen) * size / glyphs.size)
end

-- Heights that fall on whole pixels, so that letters stand sharp.
local levels = { -4, 0, 10, 14, 18 }

local function snapped(scale, pen)
  local odd = math.floor(pen + 0.5) % 2 == 1
  local at = {}
  for i, y in ipairs(levels) do
    local v = y * scale
    at[i] = odd and math.floor(v) + 0.5 or math.floor(v + 0.5)
    if y == 0 then at[i] = odd and 0.5 or 1 end
  end
  return function(y)
    local i = 1
    while i < #levels - 1 and y > levels[i + 1] do i = i + 1 end
    local t = (y - levels[i]) / (levels[i + 1] - levels[i])
    return at[i] + t * (at[i + 1] - at[i])
  end
end

-- Pen strokes of a line of text in pixels, its baseline starting at x, y. anchor: "start", "middle"
-- or "end"; rotate: degrees clockwise about x, y.
function font.strokes(text, x, y, size, o)
  local scale, out = size / glyphs.size, {}
  local pen = font.pen(size, o.bold)
  local width = font.width(text, size, o.bold)
  local at = o.anchor == "middle" and -width / 2 or o.anchor == "end" and -width or 0
  local upright = not o.rotate or o.rotate == 0
  local level = upright and snapped(scale, pen) or function(v) return v * scale end
  local angle = math.rad(o.rotate or 0)
  local cos, sin = math.cos(angle), math.sin(angle)
  local base = upright and math.floor(y + 0.5) or y
  local half = math.floor(pen + 0.5) % 2 == 1 and 0.5 or 0
  for _, c in ipairs(font.characters(text)) do
    local g = glyph(c)
    local left = upright and math.floor(x + at + 0.5) + half or at
    for _, line in ipairs(g.lines) do
      local moved = {}
      for i = 1, #line, 2 do
        local px, py = left + line[i] * scale, -level(line[i + 1])
        if upright then
          moved[i], moved[i + 1] = px, base + py
        else
          moved[i], moved[i + 1] = x + px * cos - py * sin, y + px * sin + py * cos
        end
      end
      out[#out + 1] = moved
    end
    at = at + (g.width + glyphs.gap + (o.bold and 0.5 or 0)) * scale
  end
  return out, pen
end

return font
