-- What convolutions keep between constant_weights(true) and (false) changes no bit.
local core = require "vgg.core"
local device = require "tests.support.device" -- a GPU keeps prepared weights at all times

local function pass(x, w)
  return core.scope(function()
    local v = x:clone():requires_grad_(true)
    local y = v:conv2d { weight = w, pad = 1 }
    y:sum():backward()
    return y:detach():keep(), v.grad:keep()
  end)
end

describe("constant weights", function()
  for _, size in ipairs { 12, 2 } do -- Winograd's tiles, and pixel by pixel
    it("give the same bits, " .. size, function()
      local x, w = core.randn { 3, 32, size, size }, core.randn { 64, 32, 3, 3 }
      local y, g = pass(x, w)
      local live = core.device.memory().live
      core.constant_weights(true)
      for _ = 1, 3 do
        local y2, g2 = pass(x, w)
        assert.is_true(y:equal(y2) and g:equal(g2))
        y2:free()
        g2:free()
      end
      if device.is_cpu then assert.is_true(core.device.memory().live > live) end
      w:mul_(2)
      local y3, g3 = pass(x, w)
      core.constant_weights(false)
      local y4, g4 = pass(x, w)
      assert.is_true(y3:equal(y4) and g3:equal(g4))
      assert.is_false(y3:equal(y))
      for _, t in ipairs { y3, g3, y4, g4 } do t:free() end
      if device.is_cpu then assert.equal(live, core.device.memory().live) end
    end)
  end

  it("nest, and end once too often without harm", function()
    local x, w = core.randn { 1, 16, 8, 8 }, core.randn { 16, 16, 3, 3 }
    core.constant_weights(true)
    core.constant_weights(true)
    local y = pass(x, w)
    core.constant_weights(false)
    assert.is_true(y:equal((pass(x, w))))
    core.constant_weights(false)
    core.constant_weights(false)
    assert.is_true(y:equal((pass(x, w))))
  end)
end)
