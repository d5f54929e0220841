-- Pooling against PyTorch's stored values and finite differences.
local core = require "vgg.core"
local dense = require "tests.support.dense"
local gradcheck = require "tests.support.gradcheck"
local parity = require "tests.support.parity"

local function random(shape, seed)
  return parity.tensor(parity.draw(seed or 3, parity.count(shape)), shape)
end

-- The same values in the layout a convolution leaves behind: a 1x1 convolution with the identity.
local function blocked(x)
  local c, eye = x.shape[2], {}
  for i = 1, c * c do eye[i] = (i - 1) % (c + 1) == 0 and 1 or 0 end
  return x:conv2d { weight = parity.tensor(eye, { c, c, 1, 1 }) }
end

-- A permutation of distinct values far enough apart for finite differences.
local function distinct(n)
  local v = parity.draw(21, n)
  local order = {}
  for i = 1, n do order[i] = i end
  table.sort(order, function(a, b) return v[a] < v[b] end)
  for rank, i in ipairs(order) do v[i] = rank / n * 4 end
  return v
end

for _, op in ipairs { "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d" } do
  describe(op, function()
    for _, case in ipairs(dense.cases(op)) do
      it("equals PyTorch: " .. case.name, function()
        dense.check(case, { y = 1e-6, grad = 2e-6 })
      end)
    end

    it("agrees between blocked and plain layouts", function()
      for _, size in ipairs { { 6, 4 }, { 7, 5 } } do
        local x = random { 2, 32, size[1], size[2] }
        local x1, x2 = x:detach():requires_grad_(), blocked(x):detach():requires_grad_()
        local function pool(t)
          if op:match "adaptive" then return t[op](t, 3, 2) end
          return t[op](t, { kernel = 2, stride = 2 })
        end
        local y1, y2 = pool(x1), pool(x2)
        assert.equal("strided", y1.layout)
        assert.not_equal("strided", y2.layout)
        assert.is_true(y1:tobytes() == y2:tobytes())
        local gy = random(y1.shape, 8)
        y1:backward(gy)
        y2:backward(gy)
        assert.is_true(x1.grad:tobytes() == x2.grad:tobytes())
      end
    end)

    it("has the gradient of finite differences", function()
      local shape = { 2, 3, 6, 7 }
      assert.is_nil(gradcheck(function(t)
        if op:match "adaptive" then return t[op](t, 4, 3) end
        return t[op](t, { kernel = { 3, 2 }, stride = 2, pad = { 1, 0 } })
      end, { { shape = shape, values = distinct(parity.count(shape)) } }, { step = 2e-3 }))
    end)

    it("handles an empty batch", function()
      local x = core.empty { 0, 16, 4, 4 }:requires_grad_()
      local y
      if op:match "adaptive" then y = x[op](x, 2, 2) else y = x[op](x, { kernel = 2 }) end
      assert.same({ 0, 16, 2, 2 }, y.shape)
      y:backward(core.empty { 0, 16, 2, 2 })
      assert.same({ 0, 16, 4, 4 }, x.grad.shape)
    end)

    it("keeps nothing for a backward that cannot come", function()
      local x = random { 1, 2, 4, 4 }
      local y = op:match "adaptive" and x[op](x, 1) or x[op](x, { kernel = 2 })
      assert.is_false(y.requires_grad)
    end)
  end)
end

describe("pooling", function()
  local x = random { 2, 3, 7, 6 }
  local function raises(text, f)
    local ok, message = pcall(f)
    assert.is_false(ok)
    assert.is_truthy(tostring(message):find(text, 1, true), message)
  end

  it("says what does not fit", function()
    raises("max_pool2d: kernel 9 stride 1 pad 0 does not fit 2x3x7x6",
      function() x:max_pool2d { kernel = 9, stride = 1 } end)
    raises("avg_pool2d: kernel 2 stride 0 pad 0 does not fit 2x3x7x6",
      function() x:avg_pool2d { kernel = 2, stride = 0 } end)
    raises("max_pool2d: kernel 2 stride 2 pad 2 does not fit",
      function() x:max_pool2d { kernel = 2, pad = 2 } end)
    raises("max_pool2d: want NCHW, got 4", function() random({ 4 }):max_pool2d { kernel = 2 } end)
    raises("option 'kernel' is missing", function() x:max_pool2d {} end)
    raises("unknown option 'padding' (did you mean 'pad'?)",
      function() x:max_pool2d { kernel = 2, padding = 1 } end)
    raises("adaptive_avg_pool2d: want an output of at least 1x1, got 0x2",
      function() x:adaptive_avg_pool2d(0, 2) end)
    raises("max_pool2d: want float32 or bfloat16, got uint8",
      function() core.empty({ 1, 1, 2, 2 }, "uint8"):max_pool2d { kernel = 2 } end)
  end)
end)
