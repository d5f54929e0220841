-- Views with history, conversions, creation.
local core = require "vgg.core"
local check = require "tests.support.check"
local gradcheck = require "tests.support.gradcheck"

describe("layout", function()
  it("has gradients that differences confirm", function()
    local x = { shape = { 2, 3, 4 } }
    local w = check.random(77, { 24 })
    local forms = {
      function(t) return t:reshape(6, 4) end,
      function(t) return t:transpose(1, 3):reshape(-1) * w end,
      function(t) return t:narrow(2, 2, 2) end,
      function(t) return t:narrow(2, 1, 2) + t:narrow(2, 2, 2) end,
      function(t) return t:permute(3, 1, 2) * 2 end,
      function(t) return t:unsqueeze(2):expand(2, 5, 3, 4) end,
      function(t) return t[1] * t[-1] end,
      function(t) return t:select(3, 2) end,
      function(t) return t:transpose(1, 2):contiguous():flatten() * w end,
      function(t) return t:clone() * t end,
    }
    for i, f in ipairs(forms) do
      local why = gradcheck(f, { x })
      if why then error(("form %d: %s"):format(i, why)) end
    end
  end)

  it("shares memory with its source", function()
    local x = core.zeros(3, 4)
    x:narrow(2, 2, 2):fill_(1)
    x:t()[1]:add_(5)
    x:reshape(12):narrow(1, 12, 1):fill_(9)
    check.values({ { 5, 1, 1, 0 }, { 5, 1, 1, 0 }, { 5, 1, 1, 9 } }, x)
    assert.is_false(x:t():is_contiguous())
    assert.is_true(x:t():contiguous():is_contiguous())
    local copy = x:clone()
    copy:zero_()
    check.values({ 5, 1, 1, 0 }, x[1])
  end)

  it("converts as PyTorch converts", function()
    check.values({ 1, -1, 0 }, core.tensor { 1.9, -1.9, 0.5 }:long(), 0)
    check.values({ 255, 0, 1 }, core.tensor({ 255, 256, 257 }, "int64"):byte(), 0)
    check.values({ 1.0078125, 256 }, core.tensor { 1.0078125, 256.5 }:bfloat16())
    assert.equals("bfloat16", core.zeros(2):to("bfloat16", "cpu").dtype)
    local x = core.ones(3):requires_grad_()
    x:bfloat16():float():sum():backward()
    check.values({ 1, 1, 1 }, x.grad)
    assert.equals("float32", x.grad.dtype)
  end)

  it("creates tensors", function()
    check.values({ { 0, 0 } }, core.zeros(1, 2))
    check.values({ 1, 1 }, core.ones({ 2 }, "uint8"))
    check.values({ { 2.5 } }, core.full({ 1, 1 }, 2.5))
    check.values({ 0, 1, 2 }, core.arange(3))
    check.values({ 1, 1.5, 2 }, core.arange(1, 2.5, 0.5))
    check.values({ 3, 2, 1 }, core.arange(3, 0, -1, "float32"))
    check.values({ { 1, 0 }, { 0, 1 } }, core.eye(2))
    check.values({ 1, 1 }, core.ones_like(core.zeros(2)))
    check.values({ 4, 4 }, core.full_like(core.zeros(2), 4, "int64"))
    check.shape({ 0, 3 }, core.zeros(0, 3))
    assert.equals("int64", core.arange(3).dtype)
    assert.equals("int64", core.zeros_like(core.arange(3)).dtype)
  end)

  it("says what does not fit", function()
    local x = core.zeros(2, 3)
    check.raises("reshape: 4 (6 elements) does not fit 2x3", function() x:reshape(4) end)
    check.raises("reshape: only one size can be -1", function() x:reshape(-1, -1) end)
    check.raises("narrow: 3 elements from 2 on in dimension 2 of 2x3",
      function() x:narrow(2, 2, 3) end)
    check.raises("select: index 3 in dimension 1 of 2x3", function() return x[3] end)
    check.raises("positions count from 1", function() return x[0] end)
    check.raises("transpose: dimension 3 of a 2-dimensional tensor",
      function() x:transpose(1, 3) end)
    check.raises("permute: dimension 1 is given twice", function() x:permute(1, 1) end)
    check.raises("permute: 1 dimensions given for 2x3", function() x:permute(1) end)
    check.raises("expand: 2x3 to 2x4", function() x:expand(2, 4) end)
    check.raises("t: want a matrix, got 3", function() core.zeros(3):t() end)
    check.raises("flatten: dimension 2 comes after dimension 1", function() x:flatten(2, 1) end)
    check.raises("device: unknown device 'Gpu'", function() x:to "Gpu" end)
    check.raises("at most 8 dimensions", function() core.zeros(1, 1, 1, 1, 1, 1, 1, 1, 1) end)
    check.raises("arange: the step is 0", function() core.arange(1, 2, 0) end)
  end)
end)
