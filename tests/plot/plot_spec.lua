-- Curves, confusion matrices and grids: what is in them, and the odd inputs they must survive.
local core = require "vgg.core"
local check = require "tests.support.check"
local plot = require "vgg.plot"
local font = require "vgg.plot.font"
local glyphs = require "vgg.plot.glyphs"
local runs = require "tests.support.runs"
local scratch = require "tests.support.scratch"
local theme = require "vgg.plot.theme"
local ticks = require "vgg.plot.ticks"

-- at(x, y) -> 0xRRGGBB of a figure's PNG at one pixel a point, and its size.
local function pixels(figure, options)
  options = options or {}
  options.density = options.density or 1
  local bytes, w, h = core.image.decode_png(figure:png(options))
  return function(x, y)
    local r, g, b = bytes:byte(3 * (y * w + x) + 1, 3 * (y * w + x) + 3)
    return r * 65536 + g * 256 + b
  end, w, h
end

-- Whether a pixel is more of a colour than of the ground.
local function is(pixel, colour, ground)
  local function distance(a, b)
    local d = 0
    for _, k in ipairs { 1, 256, 65536 } do
      d = d + math.abs(math.floor(a / k) % 256 - math.floor(b / k) % 256)
    end
    return d
  end
  return distance(pixel, colour) < 0.5 * distance(pixel, ground or 0xffffff)
end

local function texts(svg)
  local list = {}
  for text in svg:gmatch "<text[^>]*>([^<]*)</text>" do list[#list + 1] = text end
  return list
end

local function has(list, text)
  for _, t in ipairs(list) do if t == text then return true end end
  return false
end

describe("ticks", function()
  it("stand at round values and say so", function()
    local a = ticks.linear(0, 1, 5)
    assert.same({ "0", "0.2", "0.4", "0.6", "0.8", "1.0" }, a.text)
    assert.same({ "0", "2,500", "5,000", "7,500", "10,000" }, ticks.linear(0, 10000, 4).text)
    assert.same({ "1", "2", "3" }, ticks.linear(1, 3, 20, { whole = true }).text)
    assert.same({ "−0.05", "0", "0.05" }, ticks.linear(-0.05, 0.05, 2).text)
    assert.is_true(#ticks.linear(5, 5, 4).at >= 2)
    assert.same({ "1e-8", "1e-6", "0.0001" }, ticks.log(-8, -4, 3).text)
    for _, span in ipairs { 1e-9, 3e-4, 0.7, 42, 1e7, 3e12 } do
      local axis = ticks.linear(-span, span, 6)
      assert.is_true(#axis.at >= 2 and #axis.at <= 8, span)
      for i = 2, #axis.text do assert.not_equal(axis.text[i - 1], axis.text[i]) end
    end
  end)
end)

describe("the font", function()
  it("has every printable ASCII character and the signs of reports", function()
    for c = 33, 126 do assert.is_string(glyphs.shapes[string.char(c)], string.char(c)) end
    for _, c in ipairs { "×", "±", "–", "—", "−", "…", "°", "µ", "→", "≤", "≥", "Δ" } do
      assert.is_string(glyphs.shapes[c], c)
    end
    assert.is_table(glyphs.accented["ü"])
  end)

  it("gives digits one width, shortens with an ellipsis, takes broken UTF-8", function()
    assert.equal(font.width("111", 12), font.width("888", 12))
    assert.equal("short", font.fit("short", 12, 100))
    local cut = font.fit(("long "):rep(20), 12, 100)
    assert.matches("…$", cut)
    assert.is_true(font.width(cut, 12) <= 100)
    assert.equal(4, #font.characters "a\195b\255")
    assert.is_true(#font.strokes("a\195b\255語", 0, 0, 12, {}) > 3)
  end)

  it("draws letters apart from each other", function()
    local seen = {}
    for c = 33, 126 do
      local figure = plot.Figure.new { width = 16, height = 22 }
      figure:text { x = 2, y = 16, text = string.char(c), size = 14 }
      local png = figure:png { density = 1 }
      assert.is_nil(seen[png], string.char(c) .. " looks like " .. tostring(seen[png]))
      seen[png] = string.char(c)
    end
  end)
end)

describe("curves", function()
  it("draw their lines in the colours of the theme where the numbers are", function()
    for _, name in ipairs { "light", "dark" } do
      local colours = theme[name]
      local f = plot.curves { series = { { x = { 0, 10 }, y = { 1, 1 }, dots = false } },
        ylim = { 0, 2 }, xlim = { 0, 10 }, width = 400, height = 300, theme = name }
      local at, w, h = pixels(f)
      assert.same({ 400, 300 }, { w, h })
      assert.equal(colours.ground, at(399, 0))
      local rows = {}
      for y = 0, h - 1 do
        if is(at(200, y), colours.series1, colours.ground) then rows[#rows + 1] = y end
      end
      assert.is_true(#rows >= 1 and #rows <= 3, #rows)
      local middle = rows[1]
      local grid = {}
      for y = 0, h - 1 do if at(350, y) == colours.grid then grid[#grid + 1] = y end end
      assert.is_true(#grid >= 2)
      assert.is_true(math.abs((grid[1] + 272) / 2 - middle) < 4) -- half way up
    end
  end)

  it("leave gaps for what is not a number and dots for single points", function()
    local f = plot.curves { xlim = { 1, 5 }, ylim = { 0, 2 }, width = 400, height = 300,
      series = { { y = { 1, 1, 0 / 0, 1 / 0, 1 } } } }
    local at, w = pixels(f)
    local runs_of, on = {}, false
    for x = 42, w - 1 do -- right of the labels
      local here = false
      for y = 100, 200 do here = here or is(at(x, y), theme.light.series1) end
      if here and not on then runs_of[#runs_of + 1] = x end
      on = here
    end
    assert.equal(2, #runs_of)
    assert.is_true(runs_of[2] > 370)
  end)

  it("survive odd series", function()
    local many = {}
    for i = 1, 100 do many[i] = { name = ("a name that is rather long, number %d"):format(i),
      x = { 1, 2, 3 }, y = { i, i / 2, i } } end
    local long = { x = {}, y = {} }
    for i = 1, 50000 do long.x[i], long.y[i] = i, math.sin(i / 900) end
    long.y[25000] = 9 -- a spike that thinning must keep
    for name, o in pairs {
      none = { series = {} }, empty = { series = { { name = "x", x = {}, y = {} } } },
      one = { series = { { x = { 3 }, y = { 4 }, mark = { { x = 3, y = 4, text = "here" } } } } },
      nans = { series = { { y = { 0 / 0, 1 / 0 } } } }, many = { series = many },
      equal = { series = { { y = { 5, 5, 5 } } } },
      huge = { series = { { y = { -1e300, 1e300 } } } },
      tiny = { series = { { y = { 1e-300, 2e-300 } } } }, long = { series = { long } },
      log = { yscale = "log", xscale = "log", series = { { x = { 1e-8, 1e-4, 0, -1 },
        y = { 3, 0.2, 1, 0 } } } },
      small = { width = 60, height = 40, title = "a title", series = { { y = { 1, 2 } } } },
    } do
      local ok, f = pcall(plot.curves, o)
      assert.is_true(ok, name .. ": " .. tostring(f))
      assert.equal("\137PNG", f:png { density = 1 }:sub(1, 4), name)
      local svg = f:svg()
      assert.is_true(pcall(runs.xml_elements, svg), name)
      assert.is_nil(svg:lower():find "nan" or svg:lower():find "inf", name)
      if name == "many" then assert.is_true(#texts(svg) < 60) end
      if name == "none" then assert.is_true(has(texts(svg), "no data")) end
      if name == "long" then assert.is_true(#svg < 60000, #svg) end
    end
    local spike = plot.curves { series = { long }, width = 300, height = 200 }
    local at, w = pixels(spike)
    local top
    for y = 0, 199 do
      for x = 0, w - 1 do top = top or is(at(x, y), theme.light.series1) and y end
    end
    assert.is_true(top < 60, tostring(top))
  end)

  it("name their mistakes", function()
    check.raises("curves: unknown option 'xlable' (did you mean 'xlabel'?)", plot.curves,
      { series = {}, xlable = "x" })
    check.raises("curves: series 1 has 2 x and 3 y", plot.curves,
      { series = { { x = { 1, 2 }, y = { 1, 2, 3 } } } })
    check.raises("curves: want series", plot.curves, {})
    check.raises("plot: no theme 'blue' (light, dark)", function()
      plot.curves({ series = {} }):png { theme = "blue" }
    end)
  end)
end)

describe("confusion matrices", function()
  local matrix = { { 8, 2 }, { 0, 0 } }

  it("show counts and names; strong shares in strong colours", function()
    local f = plot.confusion_matrix { matrix = matrix, classes = { "cat", "dog" }, title = "T" }
    local t = texts(f:svg())
    for _, text in ipairs { "T", "cat", "dog", "8", "2", "0", "80.0%", "–", "recall", "precision",
      "8 of 10 right (80.0%); colour: share of the row" } do
      assert.is_true(has(t, text), text)
    end
    local rects = {}
    for _, item in ipairs(f.items) do
      if item.kind == "rect" and item.fill ~= "grid" then rects[#rects + 1] = item end
    end
    assert.equal(2, #rects)
    assert.same({ "accent", "series2" }, { rects[1].fill, rects[2].fill })
    assert.is_true(rects[1].alpha > 0.75 and rects[2].alpha < 0.4)
    local at = pixels(f)
    local x, y = math.floor(rects[1].x + 3), math.floor(rects[1].y + 3)
    local blue, red = at(x, y) % 256, math.floor(at(x, y) / 65536)
    assert.is_true(blue > red + 60)
  end)

  it("take tensors, many classes, long names and large counts", function()
    local big = {}
    for i = 1, 100 do
      big[i] = {}
      for j = 1, 100 do big[i][j] = i == j and 100000 or j end
    end
    for _, o in ipairs { { matrix = core.tensor(matrix) }, { matrix = big }, { matrix = { { 3 } } },
      { matrix = { { 1234567, 2 }, { 3, 4 } }, classes = { ("long "):rep(30), "<&>" } } } do
      local f = plot.confusion_matrix(o)
      assert.is_true(pcall(runs.xml_elements, f:svg()))
      assert.is_true(f.width < 1400 and f.height < 1400)
      assert.equal("\137PNG", f:png { density = 1 }:sub(1, 4))
    end
    check.raises("confusion_matrix: row 2 has 1 counts, want 2", plot.confusion_matrix,
      { matrix = { { 1, 2 }, { 3 } } })
    check.raises("confusion_matrix: want matrix", plot.confusion_matrix, {})
  end)
end)

describe("grids", function()
  local red = core.tensor({ { { 255 } }, { { 0 } }, { { 0 } } }, "uint8"):keep()

  it("enlarge by whole numbers without smoothing", function()
    local two = core.tensor({ { { 0, 1 } }, { { 0, 1 } }, { { 0, 1 } } })
    local f = plot.image_grid { images = { two, red }, scale = 4, captions = { "a\nb", "c" },
      column_titles = { "one", "two" }, title = "T", tones = { false, "bad" } }
    local image = f.items[1]
    local list = {}
    for _, item in ipairs(f.items) do if item.kind == "image" then list[#list + 1] = item end end
    assert.equal(2, #list)
    assert.is_truthy(image)
    assert.same({ 8, 4 }, { list[1].w, list[1].h })
    local at = pixels(f)
    local x, y = list[1].x, list[1].y
    assert.equal(0x000000, at(x + 3, y))
    assert.equal(0xffffff, at(x + 4, y))
    assert.equal(0xff0000, at(list[2].x + 1, list[2].y + 1))
    assert.equal(theme.light.bad, at(list[2].x - 1, list[2].y))
    local t = texts(f:svg())
    for _, text in ipairs { "a", "b", "c", "one", "two", "T" } do
      assert.is_true(has(t, text), text)
    end
    assert.equal(2, runs.xml_elements(f:svg()).image)
  end)

  it("survive none, one and mixed sizes", function()
    local mixed = { red, core.zeros { 1, 40, 9 }, core.zeros { 8, 8 } }
    for _, images in ipairs { {}, { red }, mixed } do
      local f = plot.image_grid { images = images, columns = 2 }
      assert.equal("\137PNG", f:png():sub(1, 4))
    end
    check.raises("image_grid: scale is a whole number", plot.image_grid,
      { images = { red }, scale = 1.5 })
  end)

  it("single images become PNG", function()
    local bytes, w, h, channels = core.image.decode_png(plot.png(red, { scale = 3 }))
    assert.same({ 3, 3, 3, ("\255\0\0"):rep(9) }, { w, h, channels, bytes })
    local dir, remove = scratch.new()
    plot.save_png(core.tensor { { 0, 0.5 } }, dir .. "/x.png")
    bytes, w, h, channels = core.image.decode_png(scratch.read(dir .. "/x.png"))
    assert.same({ 2, 1, 1, "\0\128" }, { w, h, channels, bytes })
    local ok, e = pcall(plot.save_png, red, dir .. "/no/x.png")
    assert.is_false(ok)
    assert.equal(3, e.exit)
    remove()
  end)
end)

describe("figures", function()
  it("are written as their names end, the same every time", function()
    local dir, remove = scratch.new()
    local f = plot.panels { plot.curves { series = { { y = { 1, 2 } } } },
      plot.confusion_matrix { matrix = { { 1 } } }, title = "both" }
    f:save(dir .. "/a.png")
    f:save(dir .. "/b.png")
    f:save(dir .. "/a.svg", { theme = "auto" })
    assert.equal(scratch.read(dir .. "/a.png"), scratch.read(dir .. "/b.png"))
    local svg = scratch.read(dir .. "/a.svg")
    assert.matches("prefers-color-scheme:dark", svg, 1, true)
    assert.same({}, runs.requests((svg:gsub('xmlns="[^"]*"', ""))))
    local ok, e = pcall(f.save, f, dir .. "/a.jpg")
    assert.is_false(ok)
    assert.matches("ends neither in .png nor in .svg", e.message, 1, true)
    remove()
  end)

  it("leave nothing behind", function()
    check.clean(function()
      for _ = 1, 3 do plot.confusion_matrix({ matrix = { { 1, 2 }, { 3, 4 } } }):png() end
    end)
  end)
end)

describe("base64", function()
  it("is that of the standard", function()
    local base64 = require "vgg.base64"
    local want = { "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy" }
    for n = 0, 6 do assert.equal(want[n + 1], base64(("foobar"):sub(1, n))) end
    assert.equal("AP+A", base64 "\0\255\128")
  end)
end)
