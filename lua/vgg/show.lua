-- show(x): an image tensor (3 x H x W, 1 x H x W or H x W) in the terminal, two pixels a character.
-- Values are stretched from smallest to largest; options { low =, high = } fix the range.
local util = require "vgg.util"

local ramp = " .:-=+*#%@"

local function planes_of(x)
  if x.ndim == 4 and x.shape[1] == 1 then x = x[1] end
  local t = x:float():totable()
  if x.ndim == 2 then return { t, t, t } end
  if x.ndim == 3 and x.shape[1] == 1 then return { t[1], t[1], t[1] } end
  if x.ndim == 3 and x.shape[1] == 3 then return t end
  error("show: want an image of 3 x H x W, 1 x H x W or H x W, got " ..
    table.concat(x.shape, "x"), 3)
end

-- The picture as text, with 24-bit colour or as characters.
local function picture(x, options)
  local planes, s = planes_of(x), x:stats()
  local low, high = options.low or s.min, options.high or s.max
  local scale = high > low and 255 / (high - low) or 0
  local function level(c, i, j)
    local v = (planes[c][i][j] - low) * scale
    return v ~= v and 0 or math.max(0, math.min(255, math.floor(v + 0.5)))
  end
  local h, w, lines = #planes[1], #planes[1][1], {}
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

return setmetatable({ picture = picture }, {
  __call = function(_, x, options)
    options = options or {}
    print(picture(x, { low = options.low, high = options.high, colour = util.colour(1) }))
  end,
})
