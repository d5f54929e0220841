-- An image with its caption, on its way to the loggers; encoded once, when the first one asks.
local util = require "vgg.util"

local Image = { __name = "vgg.log.Image" }
Image.__index = Image

local known = { caption = true, scale = true }

-- See log.Image.
function Image.new(source, options)
  if type(source) == "table" and getmetatable(source) == Image then return source end
  options = options or {}
  util.check_options("Image", options, known, 3)
  local self = setmetatable({ caption = options.caption, scale = options.scale }, Image)
  if type(source) == "table" and type(source.png) == "string" then
    self.bytes, self.caption = source.png, options.caption or source.caption
  elseif type(source) == "userdata" or (type(source) == "table" and source.png) then
    self.source = source
    self.tensor = type(source) == "userdata" and source or nil
  else
    error("Image: want a tensor, a figure or { png = bytes }, got " .. type(source), 3)
  end
  return self
end

function Image.is(value) return type(value) == "table" and getmetatable(value) == Image end

-- The bytes of a PNG file.
function Image:png()
  if self.bytes then return self.bytes end
  if self.tensor then
    self.bytes = require("vgg.plot").png(self.tensor, { scale = self.scale })
  else
    self.bytes = self.source:png()
  end
  return self.bytes
end

-- width, height in pixels, as the PNG says
function Image:size()
  local a, b, c, d, e, f, g, h = self:png():byte(17, 24)
  if not h then error("Image: not a PNG", 2) end
  return ((a * 256 + b) * 256 + c) * 256 + d, ((e * 256 + f) * 256 + g) * 256 + h
end

return Image
