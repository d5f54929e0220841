-- Operations on two or three tensors, in place and not, fill, copy, where.
local core = require "vgg.core"
local check = require "tests.support.check"
local gradcheck = require "tests.support.gradcheck"
local point = require "tests.support.point"

local function gradients(f, inputs, options)
  local why = gradcheck(f, inputs, options)
  if why then error(why, 2) end
end

describe("elementwise", function()
  point.each("elementwise", it)

  it("has gradients that differences confirm, broadcasting included", function()
    local a, b = { shape = { 2, 3, 4 } }, { shape = { 3, 1 }, values = { 0.8, 1.3, -1.1 } }
    local positive = { shape = { 2, 3, 4 }, values = {} }
    for i = 1, 24 do positive.values[i] = 0.5 + i / 12 end
    gradients(function(x, y) return x + y end, { a, b })
    gradients(function(x, y) return x - y end, { a, b })
    gradients(function(x, y) return x * y end, { a, b })
    gradients(function(x, y) return x / y end, { a, b }, { tolerance = 5e-3 })
    gradients(function(x, y) return y / x end, { positive, b }, { tolerance = 5e-3 })
    gradients(function(x, y) return x:pow(y) end, { positive, b }, { tolerance = 5e-3 })
    gradients(function(x, y) return x:maximum(y) end, { a, b })
    gradients(function(x) return x:where(x:gt(0), x * x) end, { a })
    gradients(function(x) return (2 - x * 3) / 4 + 1 / (x + 3) end, { a })
  end)

  it("takes numbers on either side of an operator", function()
    local x = core.tensor { 1, 2, 4 }
    check.values({ 3, 4, 6 }, x + 2)
    check.values({ 3, 4, 6 }, 2 + x)
    check.values({ -1, 0, 2 }, x - 2)
    check.values({ 1, 0, -2 }, 2 - x)
    check.values({ 2, 4, 8 }, 2 * x)
    check.values({ 0.5, 1, 2 }, x / 2)
    check.values({ 8, 4, 2 }, 8 / x)
    check.values({ 1, 4, 16 }, x ^ 2)
    check.values({ 2, 4, 16 }, 2 ^ x)
    check.values({ -1, -2, -4 }, -x)
    check.values({ 2, 2, 4 }, x:maximum(2))
    check.values({ 0, 1, 1 }, x:ge(2))
  end)

  it("works in place on contiguous tensors, views and itself", function()
    local x = core.tensor { { 1, 2 }, { 3, 4 } }
    check.values({ { 2, 3 }, { 4, 5 } }, x:add_(1))
    x:t()[1]:mul_(10)
    check.values({ { 20, 3 }, { 40, 5 } }, x)
    x:add_(core.tensor { 1, 2 })
    check.values({ { 21, 5 }, { 41, 7 } }, x)
    x:sub_(x)
    check.values({ { 0, 0 }, { 0, 0 } }, x)
    local v = core.arange(6):float()
    v:narrow(1, 2, 5):add_(v:narrow(1, 1, 5)) -- overlaps: reads the values from before
    check.values({ 0, 1, 3, 5, 7, 9 }, v)
    check.values({ 5, 5, 5, 5, 5, 5 }, v:fill_(5))
    check.values({ 0, 1, 2, 3, 4, 5 }, v:copy_(core.arange(6)))
    check.values({ 7, 7, 7, 7, 7, 7 }, v:copy_(core.tensor { 7 }))
    check.values({ 0.5, 1, 2 }, core.tensor { 1, 2, 4 }:add_(core.tensor { 1, 2, 4 }, -0.5))
    check.values({ 1, 2, 3 }, core.tensor { 1, 2, 9 }:clamp_(nil, 3))
  end)

  it("says what does not fit", function()
    local x, y = core.zeros(2, 3), core.zeros(4)
    check.raises("add: 2x3 and 4 do not fit together", function() return x + y end)
    check.raises("mul_: 2x3 does not fit into 3", function() core.zeros(3):mul_(x) end)
    check.raises("where: want uint8, got float32", function() return x:where(x, x) end)
    check.raises("add: want a tensor or a number, got string", function() return x:add "2" end)
    check.raises("add: want a tensor or a number, got nil", function() return x:add() end)
    check.raises("add_: the result does not fit a int64 tensor",
      function() core.arange(3):add_(0.5) end)
    check.raises("add_: a float32 result does not fit a int64 tensor",
      function() core.arange(3):add_(core.zeros(3)) end)
    check.raises("add_: the tensor needs its history; use add, or wrap the change in no_grad",
      function() core.zeros(3):requires_grad_():add_(1) end)
    check.raises("fill_: the tensor needs its history",
      function() (core.zeros(3):requires_grad_() * 2):fill_(1) end)
  end)

  it("gives the same bits for every team and run, on flat and strided walks", function()
    local a, b = check.random(5, { 64, 700 }), check.random(6, { 700 }, 0.5, 2)
    check.deterministic(function() return (a * b + 1) / b - a:exp() end)
    check.deterministic(function() return a:t() * 3 + a:t():tanh() end)
    check.deterministic(function() return a:bfloat16() * b:bfloat16() end)
    check.deterministic(function() return a:gt(0):long() + 1 end)
  end)

  it("leaves nothing behind, after an error neither", function()
    check.clean(function()
      for _ = 1, 3 do
        local x = core.ones(3, 4):requires_grad_()
        local y = x * x / 2 + x:where(x:gt(0), core.ones(1))
        y:sum():backward()
        pcall(function() return x + core.ones(5) end)
      end
    end)
  end)
end)
