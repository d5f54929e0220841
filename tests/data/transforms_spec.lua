-- Pipelines from Lua: options, words, what is refused, what is drawn.
local data = require "vgg.data"
local T = data.transforms

local function failure(fn, ...)
  local ok, e = pcall(fn, ...)
  assert.is_false(ok)
  return tostring(e)
end

describe("pipelines", function()
  it("say in words what they do", function()
    assert.equal("pad to 36x36 (constant), random crop 32x32, horizontal flip p=0.5, " ..
      "colour jitter 0.8..1.2, hue -0.1..0.1 p=0.5, coarse dropout 4..8 px p=0.3",
      tostring(T.pipeline "dlcv"))
    assert.equal("horizontal flip p=0.5, vertical flip p=0.5, rotation -10..10 degrees, " ..
      "random resized crop, area 0.8..1, colour jitter 0.8..1.2, hue -0.2..0.2",
      tostring(T.pipeline "course"))
    assert.equal("none", tostring(T.pipeline "none"))
    assert.equal("none", tostring(T.eval "dlcv"))
  end)

  it("end in their own normalisation", function()
    local set = data.synthetic { train_images = 10, val_split = 0 }
    local byte = set:pixels(1):totable()[1][1][1]
    local function first(p) return set:with(T.eval(p))[1]:totable()[1][1][1] end
    assert.near((byte / 255 - 0.4914) / 0.2470, first "dlcv", 1e-5)
    assert.near((byte / 255 - 0.5) / 0.5, first "course", 1e-6)
  end)

  it("take lists of transforms", function()
    local p = T.pipeline { T.HorizontalFlip { p = 1 }, T.Normalize { mean = 0, std = 1 } }
    local set = data.synthetic { train_images = 10, val_split = 0 }
    local plain = T.pipeline { T.Normalize { mean = 0, std = 1 } }
    local a, b = set:with(plain)[3]:totable(), set:with(p)[3]:totable()
    for x = 1, 32 do assert.equal(a[2][9][x], b[2][9][33 - x]) end
    local crop = T.pipeline { T.RandomCrop { 24, 28 } }
    assert.same({ 3, 24, 28 }, { unpack(set:with(crop)[1].shape) })
  end)

  it("draw by seed, epoch and record alone", function()
    local p = T.pipeline "dlcv"
    local key = { seed = 1, epoch = 2, record = 3 }
    local a, b = p:draws(key), p:draws(key)
    assert.same(a, b)
    assert.equal(5, #a)
    assert.equal("crop", a[2].kind)
    assert.is_true(a[2][1].top >= 0 and a[2][1].top <= 4)
    local on = 0
    for record = 1, 1000 do
      local d = p:draws { seed = 1, epoch = 0, record = record }
      if d[4].on then
        on = on + 1
        assert.is_true(math.abs(d[4].hue) <= 0.1)
      end
    end
    assert.is_true(on > 420 and on < 580)
  end)

  it("refuse what cannot be", function()
    assert.matches("ColorJitter: unknown option 'brigthness' %(did you mean 'brightness'%?%)",
      failure(T.ColorJitter, { brigthness = 0.2 }))
    assert.matches("ColorJitter: want hue shifts",
      failure(T.pipeline, { T.ColorJitter { hue = 0.6 } }))
    assert.matches("RandomCrop: 40x40 does not fit into 32x32",
      failure(T.pipeline, { T.RandomCrop { 40 } }))
    assert.matches("Normalize comes last",
      failure(T.pipeline, { T.Normalize {}, T.HorizontalFlip {} }))
    assert.matches("Normalize: want positive deviations",
      failure(T.pipeline, { T.Normalize { mean = 0, std = 0 } }))
    assert.matches("want { height, width }", failure(T.PadIfNeeded, {}))
    assert.matches("element 1 is not a transform", failure(T.pipeline, { "flip" }))
  end)
end)
