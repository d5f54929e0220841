-- Figure -> SVG. With the theme "auto" colours are variables that follow the reader's light or dark
-- setting; else they are fixed.
local base64 = require "vgg.base64"
local core = require "vgg.core"
local theme = require "vgg.plot.theme"

local family = "system-ui,-apple-system,'Segoe UI','Helvetica Neue',Arial,sans-serif"

local escapes = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }
-- Control characters are not allowed in XML at all.
local function escape(text)
  return (text:gsub('[&<>"]', escapes):gsub("[%z\1-\8\11\12\14-\31]", "?"))
end

local function number(v)
  local text = ("%.2f"):format(v):gsub("0+$", ""):gsub("%.$", "")
  return text == "-0" and "0" or text
end

-- name, value, name, value ...; a value of nil or false leaves its attribute out.
local function attributes(...)
  local out = {}
  for i = 1, select("#", ...), 2 do
    local name, v = select(i, ...)
    if type(v) == "number" then v = number(v) end
    if v then out[#out + 1] = (' %s="%s"'):format(name, v) end
  end
  return table.concat(out)
end

local function part(alpha) return alpha and alpha < 1 and alpha or nil end

local write = {}

function write.rect(d, item)
  return "<rect" .. attributes("x", item.x, "y", item.y, "width", item.w, "height", item.h,
    "fill", d.colour(item.fill), "fill-opacity", part(item.alpha)) .. "/>"
end

local function path(line)
  local words = { "M" .. number(line[1]) .. " " .. number(line[2]) }
  for i = 3, #line, 2 do words[#words + 1] = number(line[i]) .. " " .. number(line[i + 1]) end
  if #line == 2 then words[2] = words[1]:sub(2) end -- a dot: round caps on no length
  return words[1] .. (#words > 1 and "L" .. table.concat(words, " ", 2) or "")
end

function write.line(d, item)
  local words = {}
  for _, line in ipairs(item.lines) do
    if #line > 1 then words[#words + 1] = path(line) end
  end
  local dash = item.dash and item.dash[2] > 0 and
    number(item.dash[1]) .. " " .. number(item.dash[2])
  return "<path" .. attributes("d", table.concat(words), "fill", "none",
    "stroke", d.colour(item.stroke), "stroke-width", item.width or 1,
    "stroke-opacity", part(item.alpha), "stroke-dasharray", dash) .. "/>"
end

function write.text(d, item)
  local turn = item.rotate and item.rotate ~= 0 and
    ("rotate(%s %s %s)"):format(number(item.rotate), number(item.x), number(item.y))
  local anchor = item.anchor ~= "start" and item.anchor or nil
  return "<text" .. attributes("x", item.x, "y", item.y, "font-size", item.size,
    "fill", d.colour(item.fill), "text-anchor", anchor,
    "font-weight", item.bold and "600" or nil, "transform", turn,
    "stroke", item.halo and d.colour "ground", "stroke-width", item.halo and 4,
    "stroke-opacity", item.halo and 0.85, "paint-order", item.halo and "stroke") ..
    ">" .. escape(item.text) .. "</text>"
end

function write.image(_, item)
  local png = core.image.encode_png(item.rgb, item.columns, item.rows, 3)
  return "<image" .. attributes("x", item.x, "y", item.y, "width", item.w, "height", item.h,
    "preserveAspectRatio", "none", "style", "image-rendering:pixelated",
    "href", "data:image/png;base64," .. base64(png)) .. "/>"
end

function write.clip(d, item)
  d.clips = d.clips + 1
  local id = ("clip%s-%d"):format(d.id, d.clips)
  local place = attributes("x", item.x, "y", item.y, "width", item.w, "height", item.h)
  return ('<clipPath id="%s"><rect%s/></clipPath><g clip-path="url(#%s)">'):format(id, place, id)
end

function write.unclip() return "</g>" end

local serial = 0

-- options: theme; inline = true leaves out the XML namespace and the ground, for use inside HTML
-- that defines the variables itself.
return function(figure, o)
  local name = o.theme or figure.theme
  local auto = name == "auto" or o.inline
  local colours = not auto and theme.of(name) or nil
  serial = serial + 1
  local d = { clips = 0, id = o.id or (o.inline and tostring(serial) or "") }
  function d.colour(role)
    if auto then return "var(--" .. role .. ")" end
    return theme.hex(colours[role])
  end
  local w, h = number(figure.width), number(figure.height)
  local out = { ('<svg%s viewBox="0 0 %s %s" width="%s" height="%s" font-family="%s" ' ..
    'stroke-linecap="round" stroke-linejoin="round" role="img">'):format(
    o.inline and "" or ' xmlns="http://www.w3.org/2000/svg"', w, h, w, h, family) }
  if auto and not o.inline then out[#out + 1] = "<style>" .. theme.css "svg" .. "</style>" end
  if not o.inline then
    out[#out + 1] = ('<rect width="%s" height="%s" fill="%s"/>'):format(w, h, d.colour "ground")
  end
  for _, item in ipairs(figure.items) do out[#out + 1] = write[item.kind](d, item) end
  out[#out + 1] = "</svg>\n"
  return table.concat(out, "\n")
end
