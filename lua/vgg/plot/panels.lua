-- plot.panels: several figures side by side under one title.
local Figure = require "vgg.plot.figure"
local font = require "vgg.plot.font"
local util = require "vgg.util"

local known = { title = 1, note = 1, columns = 1, theme = 1, gap = 1 }

-- panels { figure, figure, columns = 2, title =, note = } -> Figure
return function(o)
  for _, k in ipairs(util.keys(o)) do
    if not known[k] then util.check_options("panels", o, known, 2) end
  end
  local columns, gap = math.min(o.columns or #o, #o), o.gap or 12
  local top = (o.title and 34 or 0) + (o.note and 20 or 0)
  local places, y, width = {}, top, 0
  for first = 1, #o, columns do
    local x, tallest = 0, 0
    for i = first, math.min(first + columns - 1, #o) do
      places[i] = { x, y }
      x, tallest = x + o[i].width + gap, math.max(tallest, o[i].height)
    end
    width, y = math.max(width, x - gap), y + tallest + gap
  end
  local f = Figure.new { width = math.max(width, 1), height = math.max(y - gap, 1),
    theme = o.theme }
  if o.title then
    f:text { x = 14, y = 26, text = font.fit(o.title, 16, f.width - 28, true), size = 16,
      bold = true }
  end
  if o.note then
    f:text { x = 14, y = top - 4, text = font.fit(o.note, 11.5, f.width - 28), size = 11.5,
      fill = "muted" }
  end
  for i, panel in ipairs(o) do f:place(panel, places[i][1], places[i][2]) end
  return f
end
