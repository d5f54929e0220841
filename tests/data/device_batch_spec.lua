-- Batches made on a device are those which the CPU makes: the same pixels, labels and order.
local core = require "vgg.core"
local data = require "vgg.data"

local device = os.getenv "VGG_TEST_DEVICE"

local function cannot()
  if not device or device == "cpu" then return "VGG_TEST_DEVICE names no other device" end
  if not core.data.augments(device) then return "batches are not made on " .. device end
end

local mean, std = { 0.49, 0.48, 0.45 }, { 0.25, 0.24, 0.26 }
local jitter = { { 0.6, 1.4 }, { 0.6, 1.4 }, { 0.6, 1.4 }, { -0.1, 0.1 } }
local pipelines = {
  plain = {},
  opencv = {
    { kind = "pad", size = { 40, 40 }, border = "reflect101" },
    { kind = "crop", size = { 32, 32 } },
    { kind = "hflip", p = 0.5 }, { kind = "vflip", p = 0.5 },
    { kind = "jitter", p = 0.8, range = jitter },
    { kind = "coarse_dropout", p = 0.7, fill = 7, range = { { 1, 4 }, { 2, 8 }, { 2, 8 } } },
  },
  pillow = {
    { kind = "pad", size = { 38, 36 }, border = "constant", fill = 9 },
    { kind = "rotate", p = 0.9, range = { { -25, 25 } } }, { kind = "hflip", p = 0.5 },
    { kind = "pil_jitter", p = 0.9, range = jitter },
    { kind = "resized_crop", size = { 32, 32 }, range = { { 0.3, 1 }, { 0.7, 1.4 } } },
  },
  sizes = { { kind = "resize", size = { 20, 45 } }, { kind = "resize", size = { 64, 11 } } },
}

describe("batches on a device", function()
  for name, ops in pairs(pipelines) do
    it("equal the CPU's: " .. name, function()
      local reason = cannot()
      if reason then pending(reason) end
      local o = { mean = mean, std = std,
        style = name == "pillow" and "torchvision" or "albumentations" }
      for i, op in ipairs(ops) do o[i] = op end
      local pipeline = core.data.pipeline(o)
      local source = core.data.synthetic(60, 5, 0)
      local part = source:split(20, 3)
      local order = core.data.order(part:len(), 11, 2)
      local records, samples = core.data.upload(part, device)
      local there = core.data.upload_order(order, device)
      for _, ordered in ipairs { true, false } do
        local x, y = core.data.batch(part, ordered and order or nil, 4, 30, pipeline, 17, 2, "cpu")
        local gx, gy = core.data.batch_on(part, records, samples, ordered and there or nil, 4, 30,
          pipeline, 17, 2)
        assert.equal(x:tobytes(), gx:cpu():tobytes())
        assert.equal(y:tobytes(), gy:cpu():tobytes())
      end
    end)
  end

  it("are what a Loader gives there", function()
    local reason = cannot()
    if reason then pending(reason) end
    local set = data.synthetic { train_images = 40, test_images = 8, val_split = 0 }
    local here = data.Loader { dataset = set, batch_size = 16, shuffle = true, device = "cpu" }
    local there = data.Loader { dataset = set, batch_size = 16, shuffle = true, device = device }
    for epoch = 0, 1 do
      for k = 1, here:len() do
        local x, y = here:get(k, epoch)
        local gx, gy = there:get(k, epoch)
        assert.equal(x:tobytes(), gx:cpu():tobytes())
        assert.equal(y:tobytes(), gy:cpu():tobytes())
      end
    end
  end)

  it("come in the memory of others", function()
    local reason = cannot()
    if reason then pending(reason) end
    local set = data.synthetic { train_images = 40, test_images = 8, val_split = 0 }
    local loader = data.Loader { dataset = set, batch_size = 16, shuffle = true, device = device }
    local x = core.zeros({ 16, 3, 32, 32 }, "float32", device)
    local y = core.zeros({ 16 }, "int64", device)
    assert.is_true(loader:fills())
    loader:get(2, 1, { x, y })
    local gx, gy = loader:get(2, 1)
    assert.equal(gx:cpu():tobytes(), x:cpu():tobytes())
    assert.equal(gy:cpu():tobytes(), y:cpu():tobytes())
    assert.error_matches(function() loader:get(3, 1, { x, y }) end,
      "a batch is 8x3x32x32 of float32, got a tensor of 16x3x32x32 of float32")
  end)
end)
