-- Pictures, as PNG and SVG, without fonts or other programs: curves, confusion matrices, grids of
-- images. Each function gives a Figure: figure:save "x.png", figure:png(), figure:svg().
local core = require "vgg.core"
local util = require "vgg.util"

local plot = {}

local from = { curves = "curves", confusion_matrix = "confusion_matrix", image_grid = "image_grid",
  panels = "panels", Figure = "figure", theme = "theme" }

local known = { scale = true }

-- png(image, { scale = 1 }): one image tensor as PNG bytes, enlarged by a whole number.
function plot.png(image, options)
  options = options or {}
  util.check_options("png", options, known)
  local k = options.scale or 1
  local bytes, w, h = core.image.rgb(image, 0)
  local channels = #bytes / (w * h)
  if k == 1 then return core.image.encode_png(bytes, w, h, channels) end
  if k < 1 or k ~= math.floor(k) then error("png: scale is a whole number of at least 1", 2) end
  local rgb = core.image.rgb(image, 3)
  local canvas = core.image.canvas(w * k, h * k, 0)
  canvas:image(0, 0, w * k, h * k, rgb, w, h)
  local png = canvas:png()
  canvas:free()
  return png
end

-- save_png(image, path, { scale = 1 }): writes it; returns the path.
function plot.save_png(image, path, options)
  local ok, why = core.fs.write(path, plot.png(image, options), "png")
  if not ok then util.fail("data", "%s", why) end
  return path
end

return setmetatable(plot, {
  __names = from,
  __index = function(self, name)
    if not from[name] then return nil end
    local value = require("vgg.plot." .. from[name])
    rawset(self, name, value)
    return value
  end,
})
