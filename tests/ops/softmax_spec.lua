-- Softmax and log-softmax against PyTorch (tests/parity/loss.json), gradients, errors.
local core = require "vgg.core"
local gradcheck = require "tests.support.gradcheck"
local stored = require "tests.support.stored"

local cases = stored.load("loss").softmax

describe("softmax", function()
  for _, case in ipairs(cases) do
    it(("equals PyTorch's %s: %s"):format(case.log and "log_softmax" or "softmax", case.name),
      function()
        local x = stored.tensor(case.x):requires_grad_()
        local y = case.log and x:log_softmax(case.dim) or x:softmax(case.dim)
        assert.is_nil(stored.differs(y, case.y, 1e-6))
        y:backward(stored.tensor(case.gy))
        assert.is_nil(stored.differs(x.grad, case.gx, 2e-6))
      end)
  end

  it("has gradients that match differences along a random cotangent", function()
    for _, dim in ipairs { 1, 2, -1 } do
      local function soft(x) return x:softmax(dim) end
      local function log_soft(x) return x:log_softmax(dim) end
      assert.is_nil(gradcheck(soft, { { shape = { 3, 4, 2 } } }))
      assert.is_nil(gradcheck(log_soft, { { shape = { 3, 4, 2 } } }))
    end
  end)

  it("takes views and bfloat16, and the last dimension by default", function()
    local x = core.randn({ 3, 5 })
    local t = x:transpose(1, 2)
    assert.same(t:contiguous():softmax(1):totable(), t:softmax(1):totable())
    assert.same(x:softmax(-1):totable(), x:softmax():totable())
    local half = x:to("bfloat16"):softmax()
    assert.equal("bfloat16", half.dtype)
    assert.near(x:softmax():totable()[2][3], half:totable()[2][3], 4e-3)
  end)

  it("is the same for any number of threads", function()
    local x = core.randn({ 300, 100 })
    core.device.set_threads(1)
    local one = x:softmax(1):tobytes()
    core.device.set_threads(3)
    local three = x:softmax(1):tobytes()
    core.device.set_threads(0)
    assert.is_true(one == three)
  end)

  it("refuses a wrong dimension and whole numbers", function()
    assert.error_matches(function() core.randn({ 2, 3 }):softmax(3) end, "softmax: dimension 3")
    assert.error_matches(function() core.randn({ 2, 3 }):softmax(0) end, "dimensions count from 1")
    assert.error_matches(function() core.tensor({ 1, 2 }, "int64"):log_softmax(1) end,
      "log_softmax: .*int64")
  end)
end)
