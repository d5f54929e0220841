-- Batch normalisation against PyTorch's stored values, finite differences, and exact statistics.
local core = require "vgg.core"
local dense = require "tests.support.dense"
local device = require "tests.support.device"
local gradcheck = require "tests.support.gradcheck"
local parity = require "tests.support.parity"

local function random(shape, seed, low, high)
  return parity.tensor(parity.draw(seed or 3, parity.count(shape), low, high), shape)
end

describe("batch_norm2d", function()
  for _, case in ipairs(dense.cases "batch_norm2d") do
    it("equals PyTorch: " .. case.name, function()
      -- at an offset of 1000 PyTorch itself is off by about 1e-4
      local loose = case.kind == "offset"
      dense.check(case, { y = loose and 4e-4 or 5e-6, grad = loose and 1e-3 or 2e-5 })
    end)
  end

  it("computes statistics as accurately as doubles at a large offset", function()
    local n, c = 64, 16
    local v = parity.draw(5, n * c * 9)
    for i = 1, #v do v[i] = 4096 + v[i] end
    local x = parity.tensor(v, { n, c, 3, 3 })
    local mean, var = parity.tensor({}, { c }), parity.tensor({}, { c })
    x:batch_norm2d { running_mean = mean, running_var = var, training = true, momentum = 1 }
    local flat, means, vars = parity.flat(x), parity.flat(mean), parity.flat(var)
    for k = 1, c do
      local values, sum, squares = {}, 0, 0
      for i = 0, n - 1 do
        for p = 1, 9 do values[#values + 1] = flat[(i * c + k - 1) * 9 + p] end
      end
      for _, a in ipairs(values) do sum = sum + a end
      for _, a in ipairs(values) do squares = squares + (a - sum / #values) ^ 2 end
      assert.is_true(math.abs(means[k] - sum / #values) < 3e-4)
      assert.is_true(math.abs(vars[k] * (#values - 1) / squares - 1) < 1e-5)
    end
  end)

  -- A GPU may take the statistics from the convolution, from the second time on.
  it("has the statistics of a convolution in bfloat16, each time", function()
    if device.is_cpu then return pending "on a GPU" end
    local n, c, plane = 4, 64, 64
    local w, bias = random({ c, c, 3, 3 }, 5, -0.05, 0.05):requires_grad_(), {}
    for k = 1, c do bias[k] = k % 3 - 1 end -- 0 or about 3 deviations
    bias = parity.tensor(bias, { c })
    for time = 1, 3 do
      local x = random({ n, c, 8, 8 }, 10 + time):to "bfloat16"
      local mean, var = parity.tensor({}, { c }), parity.tensor({}, { c })
      local y = x:conv2d { weight = w, bias = bias, pad = 1 }
      y:batch_norm2d { running_mean = mean, running_var = var, training = true, momentum = 1 }
      local flat, means, vars = parity.flat(y:to "float32"), parity.flat(mean), parity.flat(var)
      for k = 1, c do
        local sum, squares = 0, 0
        for i = 0, n - 1 do
          for p = 1, plane do
            local v = flat[(i * c + k - 1) * plane + p]
            sum, squares = sum + v, squares + v * v
          end
        end
        local m = sum / (n * plane)
        local deviation = math.sqrt((squares - sum * m) / (n * plane - 1))
        assert.is_true(math.abs(means[k] - m) < 1e-2 * deviation)
        assert.is_true(math.abs(vars[k] / deviation ^ 2 - 1) < 1e-2)
      end
    end
  end)

  for _, c in ipairs { 3, 32 } do
    local modes = { { training = true }, { training = true, relu = true }, {}, { relu = true } }
    for _, o in ipairs(modes) do
      local name = ("%d channels, training %s, relu %s"):format(c, tostring(o.training == true),
        tostring(o.relu == true))
      it("has the gradient of finite differences: " .. name, function()
        local mean, var = parity.draw(31, c), parity.draw(37, c, 0.5, 2)
        -- a bias far from zero keeps most elements off the corner of the ReLU
        local bias = {}
        for i = 1, c do bias[i] = (i % 3 == 0 and -6 or 6) + 0.1 * i / c end
        assert.is_nil(gradcheck(function(x, w, b)
          return x:batch_norm2d { weight = w, bias = b, training = o.training, relu = o.relu,
            running_mean = parity.tensor(mean, { c }), running_var = parity.tensor(var, { c }) }
        end, { { shape = { 3, c, 2, 3 } }, { shape = { c } }, { shape = { c }, values = bias } },
          { step = 1e-2, tolerance = 5e-3 }))
      end)
    end
  end

  it("does not depend on the number of threads", function()
    if not (core.device and core.device.set_threads) then return pending "no set_threads" end
    local x, results = random({ 9, 48, 16, 16 }):requires_grad_(), {}
    for threads = 1, 3 do
      core.device.set_threads(threads)
      x:set_grad(nil)
      local y = x:batch_norm2d { training = true, relu = true }
      y:backward(random(y.shape, 7))
      results[threads] = y:tobytes() .. x.grad:tobytes()
    end
    core.device.set_threads(0)
    assert.is_true(results[1] == results[2] and results[2] == results[3])
  end)

  it("leaves the caller's gradient alone", function()
    local x, gy = random({ 2, 16, 4, 4 }):requires_grad_(), random({ 2, 16, 4, 4 }, 8)
    local before = gy:tobytes()
    x:batch_norm2d({ training = true, relu = true }):backward(gy)
    assert.is_true(before == gy:tobytes())
  end)

  it("keeps NaN and leaves an empty batch alone", function()
    local v = parity.draw(2, 32)
    v[5] = 0 / 0
    local y = parity.tensor(v, { 2, 1, 4, 4 }):batch_norm2d { training = true, relu = true }
    for _, a in ipairs(parity.flat(y)) do assert.is_true(a ~= a) end
    assert.same({ 0, 4, 2, 2 }, core.empty({ 0, 4, 2, 2 }):batch_norm2d({ training = true }).shape)
  end)

  it("says what does not fit", function()
    local x = random { 2, 4, 3, 3 }
    local function raises(text, t, o)
      local ok, message = pcall(function() t:batch_norm2d(o) end)
      assert.is_false(ok)
      assert.is_truthy(tostring(message):find(text, 1, true), message)
    end
    raises("batch_norm2d: want NCHW, got 2x4", random { 2, 4 }, {})
    raises("weight and bias come as a pair", x, { weight = random { 4 } })
    raises("running_mean and running_var come as a pair", x, { running_mean = random { 4 } })
    raises("want a contiguous running_var of 4, got 5", x,
      { running_mean = random { 4 }, running_var = random { 5 } })
    raises("one value a channel has no variance, got 1x4x1x1", random { 1, 4, 1, 1 },
      { training = true })
    raises("unknown option 'epsilon'", x, { epsilon = 1 })
  end)
end)
