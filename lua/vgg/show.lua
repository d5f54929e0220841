-- show(x): an image tensor (3 x H x W, 1 x H x W or H x W) in the terminal: by kitty's or sixel
-- graphics, two pixels a character, or as characters. Values are stretched from smallest to
-- largest; { low =, high = } fix the range, protocol = what draws it, scale = screen pixels a
-- pixel.
local core = require "vgg.core"
local graphics = require "vgg.show.graphics"
local protocol = require "vgg.show.protocol"
local util = require "vgg.util"

local ramp = " .:-=+*#%@"

local function planes_of(x)
  if x.ndim == 4 and x.shape[1] == 1 then x = x[1] end
  if x.ndim == 3 and x.shape[1] == 1 then x = x[1] end
  if x.ndim == 2 then return x, 1 end
  if x.ndim == 3 and x.shape[1] == 3 then return x, 3 end
  error("show: want an image of 3 x H x W, 1 x H x W or H x W, got " ..
    table.concat(x.shape, "x"), 4)
end

-- Levels 0..255: a function(channel, row, column), height, width.
local function levels(x, options)
  local image, channels = planes_of(x)
  local s = image:stats()
  local low, high = options.low or s.min, options.high or s.max
  local scale = high > low and 255 / (high - low) or 0
  local t = image:float():totable()
  local planes = channels == 1 and { t, t, t } or t
  local function level(c, i, j)
    local v = (planes[c][i][j] - low) * scale
    return v ~= v and 0 or math.max(0, math.min(255, math.floor(v + 0.5)))
  end
  return level, #planes[1], #planes[1][1]
end

-- The picture as text, with 24-bit colour or as characters.
local function picture(x, options)
  local level, h, w = levels(x, options)
  local lines = {}
  local function rgb(i, j) return level(1, i, j), level(2, i, j), level(3, i, j) end
  for i = 1, h, 2 do
    local cells = {}
    for j = 1, w do
      local r, g, b = rgb(i, j)
      if options.colour then
        local below = i < h and ("\27[48;2;%d;%d;%dm"):format(rgb(i + 1, j)) or "\27[49m"
        cells[j] = ("\27[38;2;%d;%d;%dm%s\226\150\128"):format(r, g, b, below)
      else
        local grey = math.floor((0.299 * r + 0.587 * g + 0.114 * b) / 256 * #ramp) + 1
        cells[j] = ramp:sub(grey, grey)
      end
    end
    lines[#lines + 1] = table.concat(cells) .. (options.colour and "\27[0m" or "")
  end
  return table.concat(lines, "\n")
end

-- Bytes of the picture, enlarged by a whole number; width, height.
local function pixels(x, options)
  local level, h, w = levels(x, options)
  local scale, rows = options.scale or math.max(1, math.floor(192 / math.max(h, w))), {}
  for i = 1, h do
    local row = {}
    for j = 1, w do
      row[j] = string.char(level(1, i, j), level(2, i, j), level(3, i, j)):rep(scale)
    end
    rows[i] = table.concat(row):rep(scale)
  end
  return table.concat(rows), w * scale, h * scale
end

local draw = {}
function draw.ascii(x, o) return picture(x, { low = o.low, high = o.high }) end
function draw.blocks(x, o) return picture(x, { low = o.low, high = o.high, colour = true }) end
function draw.sixel(x, o) return graphics.sixel(pixels(x, o)) end
function draw.kitty(x, o)
  local rgb, w, h = pixels(x, o)
  return graphics.kitty(core.image.encode_png(rgb, w, h, 3))
end

local known = { low = true, high = true, protocol = true, scale = true, out = true }

local function show(_, x, options)
  local o = options or {}
  util.check_options("show", o, known, 3)
  if type(x) ~= "userdata" then error("show: want a tensor", 2) end
  local how = o.protocol or protocol.of_terminal()
  if not draw[how] then
    error(("show: no protocol '%s'%s"):format(tostring(how), util.hint(tostring(how), draw)), 2)
  end
  local text = draw[how](x, o) .. "\n"
  if o.out then return o.out(text) end
  io.stdout:write(text)
  io.stdout:flush()
end

return setmetatable({ picture = picture, draw = draw, protocol = protocol.of_terminal },
  { __call = show })
