-- Convolution against PyTorch's stored values, finite differences, and itself.
local core = require "vgg.core"
local dense = require "tests.support.dense"
local gradcheck = require "tests.support.gradcheck"
local device = require "tests.support.device"
local parity = require "tests.support.parity"

local function random(shape, seed)
  return parity.tensor(parity.draw(seed or 3, parity.count(shape)), shape)
end

describe("conv2d", function()
  for _, case in ipairs(dense.cases "conv2d") do
    it("equals PyTorch: " .. case.name, function() dense.check(case, { y = 3e-5, grad = 1e-4 }) end)
  end

  local checked = {
    { "plain", { 2, 3, 5, 4 }, { 4, 3, 3, 3 }, {} },
    { "stride and pad", { 2, 3, 6, 7 }, { 4, 3, 3, 2 }, { stride = { 2, 1 }, pad = { 1, 0 } } },
    { "dilation", { 1, 2, 8, 8 }, { 3, 2, 3, 3 }, { dilation = 2, pad = { 2, 1 } } },
    { "groups", { 2, 4, 5, 5 }, { 6, 2, 3, 3 }, { groups = 2, pad = 1 } },
    { "depthwise", { 2, 32, 6, 6 }, { 32, 1, 3, 3 }, { groups = 32, pad = 1, stride = 2 } },
    { "blocked 2x2", { 3, 32, 2, 2 }, { 32, 32, 3, 3 }, { pad = 1 } },
    { "blocked 4x4", { 3, 32, 4, 4 }, { 48, 32, 3, 3 }, { pad = 1 } },
    { "blocked 6x7", { 2, 48, 6, 7 }, { 32, 48, 3, 3 }, { pad = 1 } },
  }
  for _, c in ipairs(checked) do
    local name, x, w, options = c[1], c[2], c[3], c[4]
    it("has the gradient of finite differences: " .. name, function()
      assert.is_nil(gradcheck(function(a, b, bias)
        local o = { weight = b, bias = bias }
        for k, v in pairs(options) do o[k] = v end
        return a:conv2d(o)
      end, { { shape = x }, { shape = w }, { shape = { w[1] } } }, { step = 0.25 }))
    end)
  end

  it("agrees between blocked and plain layouts", function()
    -- the blocked engine on 32 channels, and channel by channel through plain tensors
    local x, w = random({ 2, 32, 8, 8 }), random({ 1, 32, 3, 3 }, 4)
    local parts = parity.flat(w)
    local wide = {}
    for k = 1, 32 do
      for i = 1, #parts do wide[#wide + 1] = parts[i] * k end
    end
    local y = x:conv2d { weight = parity.tensor(wide, { 32, 32, 3, 3 }), pad = 1 }
    local one = x:conv2d { weight = w, pad = 1 }
    assert.equal("strided", one.layout)
    local a, b = parity.flat(y), parity.flat(one)
    for n = 0, 1 do
      for k = 1, 32 do
        for p = 1, 64 do
          local got, want = a[(n * 32 + k - 1) * 64 + p], b[n * 64 + p] * k
          assert.is_true(math.abs(got - want) < 1e-3 * k, ("%g %g"):format(got, want))
        end
      end
    end
  end)

  it("gives the same bits twice", function()
    local x, w = random { 4, 32, 8, 8 }, random({ 64, 32, 3, 3 }, 9):requires_grad_()
    local results = {}
    for i = 1, 2 do
      w:set_grad(nil)
      local y = x:conv2d { weight = w, pad = 1 }
      y:backward(random({ 4, 64, 8, 8 }, 17))
      results[i] = y:tobytes() .. w.grad:tobytes()
    end
    assert.is_true(results[1] == results[2])
  end)

  it("handles an empty batch", function()
    for _, c in ipairs { 3, 32 } do
      local x = core.empty { 0, c, 8, 8 }:requires_grad_()
      local w, b = random({ 32, c, 3, 3 }):requires_grad_(), random({ 32 }):requires_grad_()
      local y = x:conv2d { weight = w, bias = b, pad = 1 }
      assert.same({ 0, 32, 8, 8 }, y.shape)
      y:backward(core.empty { 0, 32, 8, 8 })
      assert.same({ 0, c, 8, 8 }, x.grad.shape)
      for _, v in ipairs(parity.flat(w.grad)) do assert.equal(0, v) end
      for _, v in ipairs(parity.flat(b.grad)) do assert.equal(0, v) end
    end
  end)

  it("passes over gradients nobody wants", function()
    local x, w = random { 1, 32, 4, 4 }, random { 32, 32, 3, 3 }
    assert.is_false(x:conv2d({ weight = w }).requires_grad)
    x:requires_grad_()
    local y = x:conv2d { weight = w }
    y:backward(random(y.shape))
    assert.is_nil(w.grad)
    assert.same(x.shape, x.grad.shape)
  end)

  it("says what does not fit", function()
    local x, w = random { 2, 4, 5, 5 }, random { 6, 4, 3, 3 }
    local function raises(text, t, o)
      local ok, message = pcall(function() t:conv2d(o) end)
      assert.is_false(ok)
      assert.is_truthy(tostring(message):find(text, 1, true), message)
    end
    raises("conv2d: want NCHW, got 4x5x5", random { 4, 5, 5 }, { weight = w })
    raises("conv2d: want a weight of out x in x h x w, got 6x4", x, { weight = random { 6, 4 } })
    raises("conv2d: weight 6x3x3x3 with 1 group wants 3 channels, got 2x4x5x5", x,
      { weight = random { 6, 3, 3, 3 } })
    raises("conv2d: 3 groups do not divide 4 input and 6 output channels", x,
      { weight = w, groups = 3 })
    raises("conv2d: kernel 3 stride 1 pad 0 dilation 3 does not fit 2x4x5x5", x,
      { weight = w, dilation = 3 })
    raises("conv2d: kernel 3 stride 0 pad 0 dilation 1 does not fit", x, { weight = w, stride = 0 })
    raises("conv2d: want a bias of 6, got 5", x, { weight = w, bias = random { 5 } })
    raises("unknown option 'padding' (did you mean 'pad'?)", x, { weight = w, padding = 1 })
    raises("option 'weight' is missing", x, {})
    raises("conv2d: want float32 or bfloat16, got int64", core.empty({ 2, 4, 5, 5 }, "int64"),
      { weight = w })
  end)

  describe("algorithms", function()
    if not device.is_cpu then return pending "on the CPU only" end
    local x, w, gy = random { 3, 32, 6, 6 }, random({ 48, 32, 3, 3 }, 5), random({ 3, 48, 6, 6 }, 6)

    -- y, gradient of x and gradient of w with one algorithm for all three passes
    local function results(name)
      local choices = {}
      for _, pass in ipairs { "forward", "data", "weight" } do
        choices[pass .. " 3x32x6x6 w48x3x3 s1x1 p1x1 d1x1 g1"] = name
      end
      core.dense.set_conv_choices(choices)
      local a, b = x:detach():requires_grad_(), w:detach():requires_grad_()
      local y = a:conv2d { weight = b, pad = 1 }
      y:backward(gy)
      for key in pairs(choices) do assert.equal(name, core.dense.conv_choices()[key]) end
      return { parity.flat(y), parity.flat(a.grad), parity.flat(b.grad) }
    end

    it("agree", function()
      local want = results "direct"
      for _, name in ipairs { "winograd", "pixels" } do
        for i, got in ipairs(results(name)) do
          for j = 1, #got do
            local off = math.abs(got[j] - want[i][j])
            assert.is_true(off < 2e-4, ("%s %d: off by %g"):format(name, i, off))
          end
        end
      end
      results "winograd"
    end)

    it("fall back to the rule where the imposed one does not exist", function()
      local key = "forward 1x3x5x5 w4x3x3 s1x1 p0x0 d1x1 g1"
      core.dense.set_conv_choices { [key] = "winograd" }
      random({ 1, 3, 5, 5 }):conv2d { weight = random { 4, 3, 3, 3 } }
      assert.equal("direct", core.dense.conv_choices()[key])
    end)

    it("refuse names they do not know", function()
      assert.has_error(function() core.dense.set_conv_choices { a = "magic" } end)
      assert.has_error(function() core.dense.set_conv_choices { 1, 2 } end)
    end)
  end)
end)
