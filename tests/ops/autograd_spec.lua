-- The tape: sharing, accumulation, errors, depth.
local core = require "vgg.core"
local check = require "tests.support.check"

local function leaf(values) return core.tensor(values):requires_grad_() end

describe("autograd", function()
  it("adds up over shared subexpressions", function()
    local x = leaf { 2, 3 }
    local a = x * x
    local b = a + a * x -- x^2 + x^3
    b:sum():backward()
    check.values({ 2 * 2 + 3 * 4, 2 * 3 + 3 * 9 }, x.grad)
  end)

  it("accumulates into leaves until they are cleared", function()
    local x = leaf { 1, 2 };
    (x * 3):sum():backward();
    (x * 4):sum():backward()
    check.values({ 7, 7 }, x.grad)
    x:set_grad(nil)
    assert.is_nil(x.grad);
    (x * 4):sum():backward()
    check.values({ 4, 4 }, x.grad)
  end)

  it("gives each leaf a gradient of its own", function()
    local a, b = leaf { 1, 1 }, leaf { 1, 1 };
    (a + b):sum():backward()
    a.grad:mul_(5)
    check.values({ 1, 1 }, b.grad)
    local g = core.ones(2)
    local c = leaf { 1, 2 }
    c:backward(g)
    g:zero_()
    check.values({ 1, 1 }, c.grad)
    assert.is_true(c.grad:is_contiguous())
    local d = core.ones(2, 3):requires_grad_()
    d:t():backward(core.arange(6):float():reshape(3, 2))
    assert.is_true(d.grad:is_contiguous())
    check.values({ { 0, 2, 4 }, { 1, 3, 5 } }, d.grad)
  end)

  it("frees the graph unless told to keep it", function()
    local x = leaf { 1, 2 }
    local y = (x * x):sum()
    y:backward(nil, { retain_graph = true })
    y:backward()
    check.values({ 4, 8 }, x.grad)
    check.raises("backward: the graph of sum was freed by an earlier backward; pass retain_graph",
      function() y:backward() end)
    check.raises("backward: unknown option 'retain'",
      function() y:backward(nil, { retain = true }) end)
  end)

  it("refuses a saved tensor that was changed in place", function()
    local x, w = leaf { 1, 2 }, core.tensor { 3, 4 }
    local y = (x * w):sum()
    w:add_(1)
    check.raises("backward: a tensor saved by mul was changed in place since",
      function() y:backward() end)
    local z = (x + w):sum() -- addition saves nothing
    w:add_(1)
    z:backward()
    check.values({ 1, 1 }, x.grad)
    local v = core.tensor { { 1, 2 }, { 3, 4 } }
    local u = (x * v[1]):sum()
    v:fill_(0) -- through the view's storage
    check.raises("changed in place since", function() u:backward() end)
  end)

  it("records nothing inside no_grad, and leaves it after an error", function()
    local x = leaf { 1, 2 }
    local y = core.no_grad(function()
      assert.is_false(core.is_grad_enabled())
      x:mul_(2)
      return x * 3
    end)
    assert.is_true(y.is_leaf)
    assert.is_false(y.requires_grad)
    check.values({ 2, 4 }, x)
    pcall(core.no_grad, error)
    assert.is_true(core.is_grad_enabled())
    check.raises("backward: the tensor has no history", function() y:sum():backward() end)
  end)

  it("stops at detach and keeps gradients of intermediates when asked", function()
    local x = leaf { 1, 2 }
    local h = x * 2
    h:retain_grad()
    local y = (h * h + h:detach() * 100):sum()
    y:backward()
    check.values({ 4, 8 }, h.grad)
    check.values({ 8, 16 }, x.grad)
  end)

  it("checks the cotangent", function()
    local x = leaf { 1, 2 }
    check.raises("backward: 2 needs a gradient argument", function() (x * 2):backward() end)
    check.raises("backward: gradient is 3, tensor is 2",
      function() (x * 2):backward(core.ones(3)) end)
    check.raises("only float tensors have gradients, this one is int64",
      function() core.arange(3):requires_grad_() end)
    check.raises("set_grad: gradient is 3, tensor is 2", function() x:set_grad(core.ones(3)) end)
    check.raises("the tensor has a history", function() (x * 2):requires_grad_(false) end)
    local y = x * 2
    y:backward(core.tensor { 1, 10 })
    check.values({ 2, 20 }, x.grad)
  end)

  it("does not record what has no gradient", function()
    local x = leaf { 1, 2, 3 }
    assert.is_true(x:argmax().is_leaf)
    assert.is_true(x:gt(2).is_leaf)
    assert.is_true(x:long().is_leaf)
    assert.is_true((x:long() + 1).is_leaf)
  end)

  it("goes 100,000 operations deep, backward and in plain release", function()
    local depth = os.getenv "VG_GC_STRESS" and 200 or 100000 -- a collection each would take minutes
    check.clean(function()
      local x = leaf { 1 }
      local y = x
      for _ = 1, depth do y = y + 0.25 end
      check.values({ 1 + depth / 4 }, y)
      y:backward(core.ones(1))
      check.values({ 1 }, x.grad)
      local z = x
      for _ = 1, depth do z = z * 1 end
      z:free()
    end)
  end)

  it("goes through wide graphs and unused branches", function()
    local x, sum = leaf { 1, 2 }, nil
    for i = 1, 500 do
      local t = x * i
      sum = sum and sum + t or t
      local _ = t:exp() -- never used
    end
    sum:sum():backward()
    check.values({ 125250, 125250 }, x.grad)
  end)

  it("leaves nothing behind after errors in the middle of a backward", function()
    check.clean(function()
      local x, w = leaf { 1, 2 }, core.tensor { 3, 4 }
      local y = ((x * w):exp() + x):sum()
      w:add_(1)
      assert.is_false(pcall(y.backward, y))
    end)
  end)
end)
