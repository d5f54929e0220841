-- The canvas and PNG, pixel by pixel.
package.path = "tests/support/?.lua;" .. package.path
local core = require "vgg.core"
local check = require "check"
local image = core.image
local json = require "vgg.json"

local function pixels(canvas)
  local bytes, w, h, channels = image.decode_png(canvas:png())
  assert.equal(3, channels)
  return function(x, y) return { bytes:byte(3 * (y * w + x) + 1, 3 * (y * w + x) + 3) } end, w, h
end

describe("canvas", function()
  it("fills rectangles, partly covered pixels in part", function()
    local c = image.canvas(8, 6, 0xffffff)
    c:rect(2, 1, 3, 2, 0x204060)
    c:rect(6.5, 4, 1, 1.5, 0x000000)
    local at, w, h = pixels(c)
    assert.same({ 8, 6 }, { w, h })
    assert.same({ 0x20, 0x40, 0x60 }, at(2, 1))
    assert.same({ 0x20, 0x40, 0x60 }, at(4, 2))
    assert.same({ 255, 255, 255 }, at(5, 1))
    assert.same({ 255, 255, 255 }, at(2, 3))
    assert.same({ 128, 128, 128 }, at(6, 4))
    assert.same({ 191, 191, 191 }, at(6, 5))
  end)

  it("draws a pixel-wide line sharp, and lets half of it through at half alpha", function()
    local c = image.canvas(10, 5, 0xffffff)
    c:stroke({ { 0, 2.5, 10, 2.5 } }, 1, 0x000000)
    local at = pixels(c)
    for x = 0, 9 do
      assert.same({ 0, 0, 0 }, at(x, 2))
      assert.same({ 255, 255, 255 }, at(x, 1))
    end
    c = image.canvas(10, 5, 0xffffff)
    c:stroke({ { 0, 2.5, 10, 2.5 }, { 5.5, 0, 5.5, 5 } }, 1, 0x000000, 0.5)
    at = pixels(c)
    assert.same(at(1, 2), at(5, 2)) -- where lines of one call cross, they are painted once
    assert.same({ 128, 128, 128 }, at(5, 2))
  end)

  it("covers the area of a slanted line", function()
    local c = image.canvas(60, 60, 0x000000)
    c:stroke({ { 10, 10, 50, 40 } }, 4, 0xffffff)
    local at, w, h = pixels(c)
    local area = 0
    for y = 0, h - 1 do
      for x = 0, w - 1 do area = area + at(x, y)[1] / 255 end
    end
    local want = 50 * 4 + math.pi * 4 -- length x width and two half discs
    assert.is_true(math.abs(area - want) < 0.02 * want, area .. " for " .. want)
  end)

  it("dashes lines", function()
    local c = image.canvas(40, 3, 0xffffff)
    c:stroke({ { 0, 1.5, 40, 1.5 } }, 1, 0x000000, 1, 6, 4)
    local at = pixels(c)
    assert.same({ 0, 0, 0 }, at(2, 1))
    assert.same({ 255, 255, 255 }, at(8, 1))
    assert.same({ 0, 0, 0 }, at(12, 1))
    assert.same({ 255, 255, 255 }, at(18, 1))
  end)

  it("stays inside its clip and skips what is not finite", function()
    local c = image.canvas(10, 10, 0xffffff)
    c:clip(2, 2, 4, 4)
    c:rect(-100, -100, 1000, 1000, 0x000000)
    c:stroke({ { -1e9, 5, 1e9, 5 }, { 0 / 0, 1, 2, 1 / 0 }, {}, { 3 } }, 2, 0xff0000)
    local at = pixels(c)
    assert.same({ 255, 255, 255 }, at(1, 5))
    assert.same({ 0, 0, 0 }, at(2, 2))
    assert.same({ 255, 0, 0 }, at(3, 5))
    assert.same({ 255, 255, 255 }, at(6, 5))
    c:clip()
    c:rect(0 / 0, 0, 1, 1 / 0, 0)
    c:rect(9, 9, 1, 1, 0x00ff00)
    assert.same({ 0, 255, 0 }, pixels(c)(9, 9))
  end)

  it("refuses impossible sizes", function()
    for _, size in ipairs { { 0, 5 }, { 20000, 1 }, { 16384, 16384 }, { -1, -1 } } do
      assert.has_error(function() image.canvas(size[1], size[2], 0) end)
    end
  end)

  it("gives its memory back", function()
    check.clean(function()
      for _ = 1, 5 do image.canvas(50, 50, 0):png() end
      image.decode_png "nothing"
    end)
  end)
end)

describe("PNG", function()
  it("gives the pixels back", function()
    local bytes = {}
    for i = 1, 7 * 5 * 3 do bytes[i] = string.char(i * 37 % 256) end
    bytes = table.concat(bytes)
    local again, w, h, channels = image.decode_png(image.encode_png(bytes, 7, 5, 3))
    assert.same({ bytes, 7, 5, 3 }, { again, w, h, channels })
    local grey = bytes:sub(1, 35)
    again, w, h, channels = image.decode_png(image.encode_png(grey, 5, 7, 1))
    assert.same({ grey, 5, 7, 1 }, { again, w, h, channels })
  end)

  it("reads what Pillow writes, in every colour type", function()
    local function bytes(hex)
      return (hex:gsub("..", function(h) return string.char(tonumber(h, 16)) end))
    end
    local f = assert(io.open "tests/parity/png.json")
    local stored = assert(json.decode(f:read "*a"))
    f:close()
    for name, s in pairs(stored) do
      local pixels_of, w, h, channels = image.decode_png(bytes(s.png))
      assert.same({ s.width, s.height, s.channels }, { w, h, channels }, name)
      assert.is_true(pixels_of == bytes(s.pixels), name)
    end
  end)

  it("refuses what is damaged", function()
    local png = image.encode_png(("abc"):rep(400), 20, 20, 3)
    for _, bad in ipairs { "", "text", png:sub(1, 40), png:sub(1, #png / 2),
      png:sub(1, 60) .. "\255\0\255" .. png:sub(64) } do
      local value, why = image.decode_png(bad)
      assert.is_nil(value)
      assert.matches("^png: ", why)
    end
  end)

  it("takes tensors: floats in 0..1, bytes, grey and colour", function()
    local x = core.tensor { { { 0, 1 }, { 0.5, 2 } }, { { -1, 0.25 }, { 0 / 0, 1 } },
      { { 1, 0 }, { 0, 1 / 0 } } }
    local bytes, w, h = image.rgb(x)
    assert.same({ 2, 2 }, { w, h })
    assert.same({ 0, 0, 255, 255, 64, 0, 128, 0, 0, 255, 255, 255 }, { bytes:byte(1, -1) })
    local grey = core.tensor({ { 0, 7 }, { 255, 128 } }, "uint8")
    assert.same({ 0, 7, 255, 128 }, { image.rgb(grey, 1):byte(1, -1) })
    assert.same({ 0, 0, 0, 7, 7, 7, 255, 255, 255, 128, 128, 128 }, { image.rgb(grey):byte(1, -1) })
    assert.has_error(function() image.rgb(core.zeros { 2, 4, 4 }) end)
    assert.has_error(function() image.rgb(core.zeros { 3, 0, 4 }) end)
  end)
end)
