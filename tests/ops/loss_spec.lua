-- Losses against PyTorch (tests/parity/loss.json): value and gradient to 1e-6; errors.
local core = require "vgg.core"
local gradcheck = require "tests.support.gradcheck"
local stored = require "tests.support.stored"

local data = stored.load "loss"

local function compare(kind, case, target_dtype, tolerance)
  local x = stored.tensor(case.x):requires_grad_()
  local target = stored.tensor(case.target, target_dtype)
  local y = x[kind](x, target, next(case.options) and case.options or nil)
  assert.is_nil(stored.differs(y, case.y, tolerance))
  y:backward(stored.tensor(case.gy))
  assert.is_nil(stored.differs(x.grad, case.gx, tolerance))
end

describe("cross_entropy", function()
  local t5 = core.tensor({ 0, 2, 3, -100, 1 }, "int64")

  for _, case in ipairs(data.cross_entropy) do
    it("equals PyTorch's: " .. case.name, function()
      compare("cross_entropy", case, "int64", 1e-6)
    end)
  end

  it("has a gradient that matches differences", function()
    for _, reduction in ipairs { "mean", "sum", "none" } do
      local options = { reduction = reduction, label_smoothing = 0.1 }
      assert.is_nil(gradcheck(function(x) return x:cross_entropy(t5, options) end,
        { { shape = { 5, 4 } } }))
    end
  end)

  it("takes bfloat16 logits and gives a float32 loss", function()
    local x = core.randn({ 4, 3 }):to("bfloat16"):requires_grad_()
    local t = core.tensor({ 0, 1, 2, 0 }, "int64")
    local loss = x:cross_entropy(t)
    assert.equal("float32", loss.dtype)
    assert.near(x:detach():to("float32"):cross_entropy(t):item(), loss:item(), 1e-6)
    loss:backward()
    assert.equal("bfloat16", x.grad.dtype)
  end)

  it("does not depend on the number of threads", function()
    local x, t = core.randn({ 3000, 10 }), core.randint(0, 10, { 3000 })
    local function run(threads)
      core.device.set_threads(threads)
      local y = x:detach():requires_grad_()
      local loss = y:cross_entropy(t)
      loss:backward()
      core.device.set_threads(0)
      return loss:tobytes() .. y.grad:tobytes()
    end
    local one = run(1)
    assert.is_true(one == run(2))
    assert.is_true(one == run(5))
  end)

  it("names what is wrong", function()
    local x, t = core.randn({ 2, 3 }), core.tensor({ 0, 3 }, "int64")
    assert.error_matches(function() x:cross_entropy(t) end,
      "cross_entropy: target 3 at position 2 is outside 0..2")
    assert.error_matches(function() x:cross_entropy(core.tensor({ -1, 0 }, "int64")) end,
      "target %-1 at position 1 is outside")
    assert.error_matches(function() x:cross_entropy(core.tensor { 0, 1 }) end,
      "cross_entropy: .*float32")
    assert.error_matches(function() x:cross_entropy(core.tensor({ 0 }, "int64")) end,
      "want logits N x C x ... and target N x ..., got 2x3 and 1")
    local good = core.tensor({ 0, 1 }, "int64")
    assert.error_matches(function() x:cross_entropy(good, { label_smoothing = 1.5 }) end,
      "label_smoothing 1.5 is outside 0..1")
    assert.error_matches(function() x:cross_entropy(good, { smoothing = 0.1 }) end,
      "unknown option 'smoothing'")
    assert.error_matches(function() x:cross_entropy(good, { reduction = "avg" }) end,
      "invalid option 'avg'")
  end)
end)

describe("nll_loss and mse_loss", function()
  for _, case in ipairs(data.nll_loss) do
    it("nll_loss equals PyTorch's: " .. case.name, function()
      compare("nll_loss", case, "int64", 1e-6)
    end)
  end
  for _, case in ipairs(data.mse_loss) do
    it("mse_loss equals PyTorch's: " .. case.name, function()
      compare("mse_loss", case, "float32", 1e-6)
    end)
  end

  it("mse_loss reaches both sides and wants equal shapes", function()
    assert.is_nil(gradcheck(function(x, y) return x:mse_loss(y) end,
      { { shape = { 3, 2 } }, { shape = { 3, 2 } } }))
    assert.error_matches(function() core.randn({ 2 }):mse_loss(core.randn({ 3 })) end,
      "mse_loss: want equal shapes, got 2 and 3")
  end)
end)
