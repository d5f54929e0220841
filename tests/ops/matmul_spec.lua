-- Matrix products and the linear layer against PyTorch's stored values and finite differences.
local core = require "vgg.core"
local dense = require "tests.support.dense"
local gradcheck = require "tests.support.gradcheck"
local parity = require "tests.support.parity"

local function random(shape, seed)
  return parity.tensor(parity.draw(seed or 3, parity.count(shape)), shape)
end

local function raises(text, f)
  local ok, message = pcall(f)
  assert.is_false(ok)
  assert.is_truthy(tostring(message):find(text, 1, true), message)
end

describe("matmul", function()
  for _, case in ipairs(dense.cases "matmul") do
    it("equals PyTorch: " .. case.name, function() dense.check(case, { y = 2e-6, grad = 5e-6 }) end)
  end

  it("has the gradient of finite differences", function()
    for _, shapes in ipairs { { { 3, 4 }, { 4, 5 } }, { { 2, 3, 4 }, { 4, 2 } },
      { { 2, 1, 3, 4 }, { 3, 4, 2 } } } do
      assert.is_nil(gradcheck(function(a, b) return a:matmul(b) end,
        { { shape = shapes[1] }, { shape = shapes[2] } }, { step = 0.25 }))
    end
  end)

  it("reads transposed views", function()
    local a, b = random { 5, 3 }, random({ 4, 5 }, 6)
    local y = parity.flat(a:transpose(1, 2):matmul(b:transpose(1, 2)))
    local fa, fb = parity.flat(a), parity.flat(b)
    for i = 0, 2 do
      for j = 0, 3 do
        local s = 0
        for k = 0, 4 do s = s + fa[k * 3 + i + 1] * fb[j * 5 + k + 1] end
        assert.is_true(math.abs(s - y[i * 4 + j + 1]) < 1e-6)
      end
    end
  end)

  it("handles empty operands", function()
    assert.same({ 0, 5 }, core.empty({ 0, 4 }):matmul(random { 4, 5 }).shape)
    local y = core.empty({ 3, 0 }):matmul(core.empty { 0, 2 })
    assert.same({ 3, 2 }, y.shape)
    for _, v in ipairs(parity.flat(y)) do assert.equal(0, v) end
  end)

  it("propagates NaN", function()
    local y = parity.flat(parity.tensor({ 0 / 0, 1 }, { 1, 2 }):matmul(random { 2, 2 }))
    assert.is_true(y[1] ~= y[1] and y[2] ~= y[2])
  end)

  it("says what does not fit", function()
    raises("matmul: 3x4 and 5x4 do not fit together",
      function() random({ 3, 4 }):matmul(random { 5, 4 }) end)
    raises("matmul: 2x3x4 and 3x4x5 do not fit together",
      function() random({ 2, 3, 4 }):matmul(random { 3, 4, 5 }) end)
    raises("matmul: want at least one dimension",
      function() core.tensor(1):matmul(random { 2 }) end)
    raises("matmul: want float32, got int64",
      function() random({ 2, 2 }):matmul(core.empty({ 2, 2 }, "int64")) end)
  end)
end)

describe("linear", function()
  for _, case in ipairs(dense.cases "linear") do
    it("equals PyTorch: " .. case.name, function() dense.check(case, { y = 2e-6, grad = 5e-6 }) end)
  end

  it("has the gradient of finite differences", function()
    assert.is_nil(gradcheck(function(x, w, b) return x:linear(w, b) end,
      { { shape = { 3, 4 } }, { shape = { 5, 4 } }, { shape = { 5 } } }, { step = 0.25 }))
  end)

  it("handles an empty batch", function()
    local x, w = core.empty { 0, 4 }, random({ 5, 4 }):requires_grad_()
    local y = x:linear(w, random { 5 })
    assert.same({ 0, 5 }, y.shape)
    y:backward(core.empty { 0, 5 })
    for _, v in ipairs(parity.flat(w.grad)) do assert.equal(0, v) end
  end)

  it("says what does not fit", function()
    raises("linear: want a weight of out x in, got 4",
      function() random({ 4 }):linear(random { 4 }) end)
    raises("linear: weight 5x4 wants a last dimension of 4, got 3x3",
      function() random({ 3, 3 }):linear(random { 5, 4 }) end)
    raises("linear: want a bias of 5, got 4",
      function() random({ 3, 4 }):linear(random { 5, 4 }, random { 4 }) end)
  end)
end)
