-- A picture as a list of shapes, which the PNG and the SVG writer draw. Sizes are in points of the
-- finished picture; colours are roles of the theme, so that one figure suits light and dark.
local core = require "vgg.core"
local font = require "vgg.plot.font"
local util = require "vgg.util"

local Figure = { __name = "vgg.plot.Figure" }
Figure.__index = Figure

-- new { width =, height =, theme = "light", title = }
function Figure.new(o)
  return setmetatable({ width = o.width, height = o.height, theme = o.theme or "light",
    items = {} }, Figure)
end

local function add(self, kind, item)
  item.kind = kind
  self.items[#self.items + 1] = item
  return item
end

-- { x, y, w, h, fill = role, alpha = 1 }
function Figure:rect(item) return add(self, "rect", item) end

-- { points = { x, y, ... }, stroke = role, width = 1, dash = { on, off }, alpha = 1 }; or lines =
-- { points, ... } for several of one colour. A line of one point is a dot of that width.
function Figure:line(item)
  item.lines = item.lines or { item.points }
  return add(self, "line", item)
end

-- { x, y, text, size = 12, fill = "ink", anchor = "start", bold = false, rotate = 0 }; y is the
-- baseline. halo: a rim in the ground's colour, for text over lines.
function Figure:text(item)
  item.size, item.fill = item.size or 12, item.fill or "ink"
  return add(self, "text", item)
end

-- { x, y, w, h, rgb = bytes, columns =, rows = }
function Figure:image(item) return add(self, "image", item) end

-- Everything drawn by fn stays inside the rectangle.
function Figure:clip(x, y, w, h, fn)
  add(self, "clip", { x = x, y = y, w = w, h = h })
  fn()
  add(self, "unclip", {})
end

-- Draws another figure at x, y.
function Figure:place(other, x, y)
  for _, item in ipairs(other.items) do
    local copy = {}
    for k, v in pairs(item) do copy[k] = v end
    if copy.x then copy.x, copy.y = copy.x + x, copy.y + y end
    if copy.lines then
      copy.lines = {}
      for i, line in ipairs(item.lines) do
        local moved = {}
        for j = 1, #line, 2 do moved[j], moved[j + 1] = line[j] + x, line[j + 1] + y end
        copy.lines[i] = moved
      end
    end
    self.items[#self.items + 1] = copy
  end
end

Figure.text_width = font.width

-- The picture as PNG bytes. options: theme, density = 2 (pixels a point).
function Figure:png(options) return require("vgg.plot.raster")(self, options or {}) end

-- The picture as SVG text. options: theme ("auto" follows the reader's setting).
function Figure:svg(options) return require("vgg.plot.svg")(self, options or {}) end

-- Writes PNG or SVG, as the file's name ends.
function Figure:save(path, options)
  local ending = path:lower():match "%.(%w+)$"
  if ending ~= "png" and ending ~= "svg" then
    util.fail("usage", "plot: '%s' ends neither in .png nor in .svg", path)
  end
  local ok, why = core.fs.write(path, self[ending](self, options), "plot")
  if not ok then util.fail("data", "%s", why) end
  return path
end

return Figure
