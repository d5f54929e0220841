---@meta
-- Pictures.

---Pictures as PNG and SVG: curves, confusion_matrix, image_grid, panels, png, save_png.
---Each gives a Figure: figure:save "x.png", figure:png(), figure:svg().
vgg.plot = {}

---Lines over an axis; NaN, infinities and nil leave gaps.
---@option series required list of { name =, x =, y =, dash =, mark = { { x =, y =, text = } } }
---@option title nil heading
---@option note nil line below the heading
---@option xlabel nil name and unit below the axis
---@option ylabel nil name and unit above the axis
---@option width 720 points
---@option height 400 points
---@option xscale nil "log"
---@option yscale nil "log"
---@option xwhole nil true: ticks at whole numbers only
---@option xlim nil { low, high }
---@option ylim nil { low, high }
---@option theme "light" or "dark"
---@return Figure
function vgg.plot.curves(options) end

---Counts: rows are true classes, columns predicted ones; colour is the share of the row.
---@option matrix required { { counts } ... } or a tensor
---@option classes nil names
---@option title nil heading
---@option note nil line below the heading, instead of the accuracy
---@option theme "light" or "dark"
---@return Figure
function vgg.plot.confusion_matrix(options) end

---Image tensors in rows, enlarged without smoothing.
---@option images required { C x H x W, floats in 0 .. 1 or uint8 }
---@option captions nil { "first line\nsecond line" }
---@option columns 10 images a row
---@option scale nil whole number; by default about 96 pixels
---@option column_titles nil words above the columns
---@option row_titles nil words left of the rows
---@option tones nil { "good" | "bad" | false }: colour of frame and caption
---@option title nil heading
---@option note nil line below the heading
---@option theme "light" or "dark"
---@return Figure
function vgg.plot.image_grid(options) end

---Figures side by side: panels { figure, figure, columns = 2, title = }.
---@return Figure
function vgg.plot.panels(options) end

---One image tensor as PNG bytes; { scale = 1 } enlarges.
---@return string
function vgg.plot.png(image, options) end

---Writes one image tensor as a PNG file; { scale = 1 } enlarges.
---@return string
function vgg.plot.save_png(image, path, options) end

---A picture.
---@class Figure
---@field width points
---@field height points
---@field theme "light" or "dark"
Figure = {}

---PNG bytes; { theme =, density = 2 (pixels a point) }.
---@return string
function Figure:png(options) end

---SVG text; { theme = "light" | "dark" | "auto" (follows the reader's setting) }.
---@return string
function Figure:svg(options) end

---Writes x.png or x.svg.
---@return string
function Figure:save(path, options) end
