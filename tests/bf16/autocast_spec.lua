-- bf16-mixed: which types appear where, and every layer's result and gradients against f32.
local check = require "tests.support.check"
local compare = require "tests.bf16.compare"
local core = require "vgg.core"
local vgg = require "vgg"

local function autocast(fn, ...) return core.autocast("bf16", fn, ...) end

describe("autocast", function()
  before_each(function() core.manual_seed(11) end)

  it("makes convolutions and linear layers bfloat16, losses float32", function()
    local x = core.randn { 2, 3, 8, 8 }
    local conv, fc = vgg.nn.Conv2d { 3, 32, kernel = 3, pad = 1 }, vgg.nn.Linear { 32, 10 }
    local bn = vgg.nn.BatchNorm2d { 32 }
    autocast(function()
      local y = conv(x)
      assert.equal("bfloat16", y.dtype)
      y = bn(y):relu()
      assert.equal("bfloat16", y.dtype)
      y = y:max_pool2d { kernel = 2 }:dropout(0.5)
      assert.equal("bfloat16", y.dtype)
      y = y:adaptive_avg_pool2d(1, 1):flatten(2)
      assert.equal("bfloat16", y.dtype)
      y = fc(y)
      assert.equal("bfloat16", y.dtype)
      assert.equal("float32", y:softmax().dtype)
      assert.equal("float32", y:log_softmax().dtype)
      local loss = y:cross_entropy(core.tensor({ 1, 2 }, "int64"))
      assert.equal("float32", loss.dtype)
      assert.equal("float32", y:mse_loss(core.zeros(y.shape)).dtype)
      loss:backward()
    end)
    for _, layer in ipairs { conv, fc, bn } do
      for _, p in layer:named_parameters() do
        assert.equal("float32", p.dtype)
        assert.equal("float32", p.grad.dtype)
      end
    end
    assert.equal("float32", bn.running_mean.dtype)
  end)

  it("ends with its function, also by an error, and passes arguments and results", function()
    local conv, x = vgg.nn.Conv2d { 1, 1, kernel = 1 }, core.randn { 1, 1, 2, 2 }
    local a, b, y = autocast(function(p, q) return q, p, conv(x) end, 1, 2)
    assert.same({ 2, 1 }, { a, b })
    assert.equal("bfloat16", y.dtype)
    assert.equal("float32", conv(x).dtype)
    check.raises("oh", autocast, function() error "oh" end)
    assert.equal("float32", conv(x).dtype)
    autocast(function()
      assert.equal("float32", core.autocast("f32", function() return conv(x).dtype end))
      assert.equal("bfloat16", conv(x).dtype)
    end)
    check.raises("invalid option 'f16'", core.autocast, "f16", print)
    check.raises("function expected", core.autocast, "bf16", 3)
    assert.equal("float32", conv(x).dtype)
  end)

  it("computes plain products of bfloat16 in float32", function()
    local a, b = core.randn { 3, 4 }, core.randn { 4, 5 }
    assert.equal("float32", autocast(function() return a:matmul(b).dtype end))
    assert.equal("bfloat16", a:bfloat16():matmul(b:bfloat16()).dtype)
    assert.equal("float32", a:bfloat16():matmul(b).dtype)
  end)
end)

local function conv(o)
  return function(x, p)
    return x:conv2d { weight = p.weight, bias = p.bias, stride = o.stride, pad = o.pad,
      groups = o.groups, dilation = o.dilation }
  end
end

local shapes = { -- input, output channels, kernel, options
  { "3x3", { 4, 32, 8, 8 }, 64, 3, { pad = 1 } },
  { "3x3 of a whole batch", { 32, 32, 4, 4 }, 32, 3, { pad = 1 } },
  { "3x3 of two batches and a bit", { 67, 32, 3, 3 }, 32, 3, { pad = 1 } },
  { "1x1", { 5, 48, 4, 4 }, 16, 1, {} },
  { "stride 2", { 3, 32, 9, 7 }, 40, 3, { pad = 1, stride = 2 } },
  { "1x1 of stride 2", { 3, 33, 5, 6 }, 7, 1, { stride = 2 } },
  { "odd channels", { 3, 5, 6, 6 }, 11, 3, { pad = 1 } },
  { "an image", { 6, 3, 12, 12 }, 64, 3, { pad = 1 } },
  { "no padding", { 2, 32, 6, 5 }, 32, 3, {} },
  { "a wide kernel", { 2, 8, 9, 9 }, 8, 5, { pad = 2, stride = 3 } },
  { "dilation", { 2, 32, 7, 7 }, 32, 3, { pad = 2, dilation = 2 } },
  { "groups", { 2, 32, 5, 5 }, 32, 3, { pad = 1, groups = 2 } },
  { "depthwise", { 2, 32, 5, 5 }, 32, 3, { pad = 1, groups = 32 } },
  { "2x2 maps", { 40, 64, 2, 2 }, 96, 3, { pad = 1 } },
  { "1x1 maps", { 3, 64, 1, 1 }, 32, 3, { pad = 1 } },
}

describe("bf16-mixed", function()
  before_each(function() core.manual_seed(7) end)

  for _, s in ipairs(shapes) do
    it("convolves as f32 does: " .. s[1], function()
      local c = s[2][2] / (s[5].groups or 1)
      local p = { weight = compare.parameter({ s[3], c, s[4], s[4] }, (c * s[4] ^ 2) ^ -0.5),
        bias = compare.parameter { s[3] } }
      compare.check(conv(s[5]), compare.input(s[2]), p, 5e-3)
      p.bias = nil
      compare.check(conv(s[5]), compare.input(s[2]), p, 5e-3)
    end)
  end

  for _, s in ipairs { { 4, 32, 64 }, { 128, 64, 10 }, { 33, 50, 7 }, { 1, 512, 96 },
    { 5, 40, 1 }, { 70, 1, 9 },
    { 1, 1, 1 }, { 40, 96, 130 } } do
    it(("multiplies as f32 does: %dx%d to %d"):format(unpack(s)), function()
      local p = { weight = compare.parameter({ s[3], s[2] }, s[2] ^ -0.5),
        bias = compare.parameter { s[3] } }
      compare.check(function(x, q) return x:linear(q.weight, q.bias) end,
        compare.input { s[1], s[2] }, p, 5e-3)
    end)
  end

  -- A convolution that copies in front, so that the tensors have the layout they have in a network
  -- and both precisions see the same values.
  local function behind(fn)
    return function(x, p) return fn(x:conv2d { weight = p.kernel }, p) end
  end
  local function identity(n)
    local rows = {}
    for i = 1, n do
      rows[i] = {}
      for j = 1, n do rows[i][j] = { { i == j and 1 or 0 } } end
    end
    return core.tensor(rows):requires_grad_()
  end

  for _, s in ipairs { { 4, 32, 6, 6 }, { 35, 64, 4, 4 }, { 6, 20, 5, 7 }, { 32, 32, 1, 1 } } do
    local name = table.concat(s, "x")
    for _, relu in ipairs { false, true } do
      it(("normalises %s as f32 does%s"):format(name, relu and ", with ReLU" or ""), function()
        local p = { kernel = identity(s[2]), weight = compare.parameter { s[2] },
          bias = compare.parameter { s[2] } }
        for _, training in ipairs { true, false } do
          compare.check(behind(function(x, q)
            return x:batch_norm2d { weight = q.weight, bias = q.bias, training = training,
              running_mean = core.zeros { s[2] }, running_var = core.zeros { s[2] } + 2,
              relu = relu }
          end), compare.input(s), p, 1e-2)
        end
      end)
    end

    it("does the rest as f32 does: " .. name, function()
      local p, x = { kernel = identity(s[2]) }, compare.input(s)
      local rest = {
        relu = function(y) return y:relu() end,
        gelu = function(y) return y:gelu() end,
        sum = function(y) return y + y * 0.5 end,
        exp = function(y) return (y * 0.25):exp() end,
        ["average pool"] = function(y) return y:avg_pool2d { kernel = 2, stride = 1, pad = 1 } end,
        pool = s[3] > 1 and function(y) return y:max_pool2d { kernel = 2 } end or nil,
        ["global pool"] = function(y) return y:adaptive_avg_pool2d(1, 1) end,
        flatten = function(y) return y:flatten(2) end,
        convolution = function(y, q) return (y + 1):conv2d { weight = q.kernel, pad = 1 } end,
        ["log of padding"] = function(y, q)
          return (y:square() + 1):log():conv2d { weight = q.kernel, pad = 1 }
        end,
      }
      for what, fn in pairs(rest) do
        local ok, message = pcall(compare.check, behind(fn), x, p, 1e-2)
        assert(ok, what .. ": " .. tostring(message))
      end
    end)

    it("drops the same elements of " .. name, function()
      local p, x = { kernel = identity(s[2]) }, compare.input(s)
      local seed, position = core.rng_state()
      local y, half = compare.check(behind(function(t)
        core.set_rng_state(seed, position)
        return t:dropout(0.4)
      end), x, p, 1e-2)
      y, half = y:contiguous(), half:to("float32"):contiguous()
      assert.equal(0, (y:eq(0):to "float32" - half:eq(0):to "float32"):square():sum():item())
    end)
  end
end)
