-- plot.confusion_matrix: counts, rows are true classes, columns predicted ones; colour is the share
-- of the row, so that a class with few images reads like the others.
local Figure = require "vgg.plot.figure"
local font = require "vgg.plot.font"
local util = require "vgg.util"

local known = { matrix = 1, classes = 1, title = 1, note = 1, theme = 1, width = 1 }

local function check(o)
  util.check_options("confusion_matrix", o, known, 3)
  local m = o.matrix
  if type(m) == "userdata" and m.totable then m = m:totable() end
  if type(m) ~= "table" or type(m[1]) ~= "table" then
    error("confusion_matrix: want matrix = { { counts } ... }", 3)
  end
  for i, row in ipairs(m) do
    if #row ~= #m then
      error(("confusion_matrix: row %d has %d counts, want %d"):format(i, #row, #m), 3)
    end
  end
  return m
end

local function sums(m)
  local rows, columns, all, right = {}, {}, 0, 0
  for i = 1, #m do rows[i], columns[i] = 0, 0 end
  for i, row in ipairs(m) do
    for j, n in ipairs(row) do
      rows[i], columns[j], all = rows[i] + n, columns[j] + n, all + n
    end
    right = right + row[i]
  end
  return rows, columns, all, right
end

local function percent(part, whole)
  if whole == 0 then return "–" end
  local v = 100 * part / whole
  return (v > 99.95 or v < 0.05) and ("%.0f%%"):format(v) or ("%.1f%%"):format(v)
end

-- Sizes: cell, fonts, margins.
local function layout(m, names)
  local n, widest, digits = #m, 0, 1
  for _, row in ipairs(m) do
    for _, v in ipairs(row) do digits = math.max(digits, #util.count(v)) end
  end
  for _, name in ipairs(names) do widest = math.max(widest, font.width(name, 12)) end
  local s = { n = n, size = 12, left = math.ceil(1.08 * math.min(widest, 190)) + 44, right = 66,
    bottom = 44 }
  s.cell = n <= 12 and 50 or n <= 20 and 38 or n <= 40 and 22 or 10
  s.counts = n <= 40
  s.cell_h = n <= 12 and 38 or s.cell
  s.count_size = math.max(6, math.min(12.5, (s.cell - 6) / (digits * 0.6)))
  s.slanted = widest > s.cell - 8
  s.label_width = math.min(widest, 190)
  s.names = n <= 60
  if not s.names then s.left, s.slanted = 40, false end
  s.above = s.slanted and math.ceil(s.label_width * 0.62) + 22 or 26
  return s
end

local function draw_names(f, s, names, x0, y0)
  if not s.names then return end
  local size = s.cell_h >= 16 and 12 or 8
  for i, name in ipairs(names) do
    local text = font.fit(name, size, s.label_width + 1)
    f:text { x = x0 - 10, y = y0 + (i - 0.5) * s.cell_h + size * 0.36, text = text, size = size,
      anchor = "end" }
    local cx = x0 + (i - 0.5) * s.cell
    if s.slanted then
      f:text { x = cx + 2, y = y0 - 8, text = text, size = size, rotate = -38 }
    else
      f:text { x = cx, y = y0 - 9, text = text, size = size, anchor = "middle" }
    end
  end
end

local function draw_cells(f, s, m, rows, x0, y0)
  local gap = s.n <= 40 and 1 or 0
  for i, row in ipairs(m) do
    for j, v in ipairs(row) do
      local share = rows[i] > 0 and v / rows[i] or 0
      local x, y = x0 + (j - 1) * s.cell, y0 + (i - 1) * s.cell_h
      local fill = i == j and "accent" or "series2"
      f:rect { x = x, y = y, w = s.cell - gap, h = s.cell_h - gap, fill = "grid", alpha = 0.45 }
      if share > 0 then
        f:rect { x = x, y = y, w = s.cell - gap, h = s.cell_h - gap, fill = fill,
          alpha = i == j and 0.1 + 0.9 * share or math.min(1, 1.6 * share) }
      end
      if s.counts then
        local strong = i == j and share > 0.5 or i ~= j and share > 0.38
        f:text { x = x + (s.cell - gap) / 2, y = y + (s.cell_h - gap) / 2 + s.count_size * 0.36,
          text = util.count(v), size = s.count_size, anchor = "middle", bold = i == j,
          fill = v == 0 and "faint" or strong and "over" or "ink" }
      end
    end
  end
end

local function draw_sums(f, s, m, rows, columns, x0, y0)
  if not (s.names and s.counts) then return end
  local right, below = x0 + s.n * s.cell, y0 + s.n * s.cell_h
  local size = s.cell >= 38 and 11 or 8
  for i = 1, s.n do
    f:text { x = right + 8, y = y0 + (i - 0.5) * s.cell_h + size * 0.36, size = size,
      text = percent(m[i][i], rows[i]), fill = "muted" }
  end
  f:text { x = right + 8, y = below + 17, text = "recall", size = size, fill = "muted" }
  if s.cell < 38 then return end
  f:text { x = x0 - 10, y = below + 17, text = "precision", size = size, fill = "muted",
    anchor = "end" }
  for j = 1, s.n do
    f:text { x = x0 + (j - 0.5) * s.cell, y = below + 17, text = percent(m[j][j], columns[j]),
      size = size, fill = "muted", anchor = "middle" }
  end
end

-- confusion_matrix { matrix = counts, classes = names, title = } -> Figure
return function(o)
  local m = check(o)
  local names = {}
  for i = 1, #m do names[i] = tostring(o.classes and o.classes[i] or i - 1) end
  local rows, columns, all, right = sums(m)
  local s = layout(m, names)
  local top = (o.title and 34 or 8) + 20
  local x0, y0 = s.left, top + 20 + s.above
  local over = s.slanted and s.label_width * 0.79 - s.cell / 2 or 0
  local f = Figure.new { theme = o.theme, height = y0 + s.n * s.cell_h + s.bottom,
    width = math.max(x0 + s.n * s.cell + math.max(s.right, over + 8), 260) }
  if o.title then
    f:text { x = 14, y = 26, text = font.fit(o.title, 15, f.width - 28, true), size = 15,
      bold = true }
  end
  local note = o.note or ("%s of %s right (%s); colour: share of the row"):format(util.count(right),
    util.count(all), percent(right, all))
  f:text { x = 14, y = top - 4, text = font.fit(note, 11.5, f.width - 28), size = 11.5,
    fill = "muted" }
  f:text { x = x0, y = top + 18, text = "predicted class →", size = 11.5, fill = "muted" }
  f:text { x = 20, y = y0 + s.n * s.cell_h / 2, text = "← true class", size = 11.5, fill = "muted",
    rotate = -90, anchor = "middle" }
  draw_names(f, s, names, x0, y0)
  draw_cells(f, s, m, rows, x0, y0)
  draw_sums(f, s, m, rows, columns, x0, y0)
  return f
end
