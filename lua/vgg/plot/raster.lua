-- Figure -> PNG.
local core = require "vgg.core"
local font = require "vgg.plot.font"
local theme = require "vgg.plot.theme"

local draw = {}

function draw.rect(d, item)
  local k = d.density
  d.canvas:rect(item.x * k, item.y * k, item.w * k, item.h * k, d.colours[item.fill], item.alpha)
end

function draw.line(d, item)
  local k, lines, dash = d.density, {}, item.dash or { 0, 0 }
  for i, line in ipairs(item.lines) do
    local scaled = {}
    for j = 1, #line do scaled[j] = line[j] * k end
    lines[i] = scaled
  end
  d.canvas:stroke(lines, (item.width or 1) * k, d.colours[item.stroke], item.alpha or 1,
    dash[1] * k, dash[2] * k)
end

function draw.text(d, item)
  local k = d.density
  local lines, pen = font.strokes(item.text, item.x * k, item.y * k, item.size * k, item)
  if item.halo then d.canvas:stroke(lines, pen + 4 * k, d.colours.ground, 0.85) end
  d.canvas:stroke(lines, pen, d.colours[item.fill], item.alpha or 1)
end

function draw.image(d, item)
  local k = d.density
  d.canvas:image(item.x * k, item.y * k, item.w * k, item.h * k, item.rgb, item.columns, item.rows)
end

function draw.clip(d, item)
  local k = d.density
  d.canvas:clip(item.x * k, item.y * k, item.w * k, item.h * k)
end

function draw.unclip(d) d.canvas:clip() end

return function(figure, o)
  local colours = theme.of(o.theme or figure.theme)
  local density = o.density or 2
  local canvas = core.image.canvas(math.ceil(figure.width * density),
    math.ceil(figure.height * density), colours.ground)
  local d = { canvas = canvas, density = density, colours = colours }
  for _, item in ipairs(figure.items) do draw[item.kind](d, item) end
  local png = canvas:png()
  canvas:free()
  return png
end
