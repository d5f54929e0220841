-- plot.image_grid: pictures in rows with captions, enlarged by a whole number without smoothing.
local core = require "vgg.core"
local Figure = require "vgg.plot.figure"
local font = require "vgg.plot.font"
local util = require "vgg.util"

local known = { images = 1, captions = 1, columns = 1, scale = 1, column_titles = 1, title = 1,
  note = 1, theme = 1, tones = 1, row_titles = 1 }

local size, line = 11.5, 15

local function pictures(o)
  local list, w, h = {}, 1, 1
  for i, image in ipairs(o.images) do
    local rgb, columns, rows = core.image.rgb(image, 3)
    list[i] = { rgb = rgb, columns = columns, rows = rows }
    w, h = math.max(w, columns), math.max(h, rows)
  end
  return list, w, h
end

local function split(text)
  local lines = {}
  for s in (tostring(text or "") .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = s end
  if lines[#lines] == "" then lines[#lines] = nil end
  return lines
end

local function captions_of(o, n)
  local list, most = {}, 0
  for i = 1, n do
    list[i] = split(o.captions and o.captions[i])
    most = math.max(most, #list[i])
  end
  return list, most
end

-- Cells as wide as their picture and, within reason, their captions.
local function layout(o, list, w, h)
  local s = { columns = math.max(1, math.min(o.columns or 10, math.max(1, #list))) }
  s.scale = o.scale or math.max(1, math.floor(96 / math.max(w, h)))
  if s.scale ~= math.floor(s.scale) or s.scale < 1 then
    error("image_grid: scale is a whole number of at least 1", 3)
  end
  s.captions, s.lines = captions_of(o, #list)
  s.w, s.h = w * s.scale, h * s.scale
  local widest = 0
  for _, lines in ipairs(s.captions) do
    for _, text in ipairs(lines) do widest = math.max(widest, font.width(text, size)) end
  end
  for _, text in ipairs(o.column_titles or {}) do
    widest = math.max(widest, font.width(text, size, true))
  end
  s.cell = math.max(s.w, math.min(math.ceil(widest), math.max(150, s.w))) + 12
  s.row = s.h + s.lines * line + 14
  s.left = 14
  for _, text in ipairs(o.row_titles or {}) do
    s.left = math.max(s.left, math.min(font.width(text, size, true), 160) + 26)
  end
  return s
end

local function draw_head(f, o, s)
  local y = 8
  if o.title then
    f:text { x = 14, y = y + 18, text = font.fit(o.title, 15, f.width - 28, true), size = 15,
      bold = true }
    y = y + 28
  end
  if o.note then
    f:text { x = 14, y = y + 14, text = font.fit(o.note, size, f.width - 28), size = size,
      fill = "muted" }
    y = y + 22
  end
  if o.column_titles then
    for i, text in ipairs(o.column_titles) do
      f:text { x = s.left + (i - 0.5) * s.cell, y = y + 16, size = size, bold = true,
        fill = "muted", anchor = "middle", text = font.fit(text, size, s.cell - 4, true) }
    end
    y = y + 22
  end
  return y + 4
end

local function draw_cell(f, s, picture, x, y, lines, tone)
  local left, w, h = x + (s.cell - s.w) / 2, picture.columns * s.scale, picture.rows * s.scale
  left = math.floor(left + (s.w - w) / 2)
  if tone then f:rect { x = left - 2, y = y - 2, w = w + 4, h = h + 4, fill = tone } end
  f:image { x = left, y = y, w = w, h = h, rgb = picture.rgb, columns = picture.columns,
    rows = picture.rows }
  for k, text in ipairs(lines) do
    f:text { x = x + s.cell / 2, y = y + s.h + k * line, size = size, anchor = "middle",
      text = font.fit(text, size, s.cell - 4), fill = tone or "ink" }
  end
end

-- image_grid { images = { 3 x H x W tensors, floats in 0 .. 1 or uint8 }, captions = { "1\n2" },
-- columns = 10, scale = (about 96 pixels), column_titles =, row_titles =, title =, note =,
-- tones = { "good" | "bad" | false ... } } -> Figure
return function(o)
  util.check_options("image_grid", o, known)
  if type(o.images) ~= "table" then error("image_grid: want images = { tensors }", 2) end
  local list, w, h = pictures(o)
  local s = layout(o, list, w, h)
  local rows = math.ceil(#list / s.columns)
  local head = Figure.new { width = s.left + s.columns * s.cell + 8, height = 1 }
  local top = draw_head(head, o, s)
  local f = Figure.new { theme = o.theme, width = math.max(head.width, 120),
    height = top + math.max(1, rows) * s.row + 4 }
  draw_head(f, o, s)
  for i, picture in ipairs(list) do
    local row, column = math.floor((i - 1) / s.columns), (i - 1) % s.columns
    local y = top + row * s.row
    if column == 0 and o.row_titles and o.row_titles[row + 1] then
      f:text { x = 14, y = y + s.h / 2 + 4, size = size, bold = true, fill = "muted",
        text = font.fit(o.row_titles[row + 1], size, s.left - 20, true) }
    end
    draw_cell(f, s, picture, s.left + column * s.cell, y, s.captions[i],
      o.tones and o.tones[i] or nil)
  end
  return f
end
