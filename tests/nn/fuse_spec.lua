-- What a Sequential may run as one call, and what it must not.
local core = require "vgg.core"
local nn = require("vgg").nn

describe("a Sequential of BatchNorm2d, ReLU and MaxPool2d", function()
  local function net()
    core.manual_seed(3)
    return nn.Sequential { nn.BatchNorm2d { 32 }, nn.ReLU {}, nn.MaxPool2d { 2 } }
  end

  for i, name in ipairs { "norm", "relu", "pool" } do
    it("calls the forward that was set on its " .. name, function()
      for _, precision in ipairs { "f32", "bf16" } do
        local model, x = net(), core.randn { 2, 32, 4, 4 }
        local want = core.autocast(precision, model, x).shape
        model[i].forward = function(_, y) return y * 0 + 7 end
        local y = core.autocast(precision, model, x)
        assert.same(i == 3 and x.shape or want, y.shape)
        assert.same({ 7, 7 }, { y:amin():item(), y:amax():item() })
      end
    end)
  end

  it("gives no windows to a norm of one's own that knows only the ReLU", function()
    local Mine = nn.class "Mine"
    Mine.fuses_relu = true
    function Mine.forward(_, x, relu, windows)
      assert.is_nil(windows)
      return relu and x:relu() or x
    end
    local y = nn.Sequential { Mine {}, nn.ReLU {}, nn.MaxPool2d { 2 } }(core.randn { 1, 2, 4, 4 })
    assert.same({ 1, 2, 2, 2 }, y.shape)
  end)
end)
