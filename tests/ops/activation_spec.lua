-- Unary functions.
local core = require "vgg.core"
local check = require "tests.support.check"
local gradcheck = require "tests.support.gradcheck"
local point = require "tests.support.point"

local smooth = { "neg", "exp", "square", "sin", "cos", "erf", "expm1", "silu", "sigmoid", "tanh",
  "gelu", "softplus", "elu", "leaky_relu", "hardswish", "relu", "abs", "relu6", "hardsigmoid" }
local positive = { "log", "sqrt", "rsqrt", "log1p", "reciprocal" }

describe("activation", function()
  point.each("activation", it)

  it("has gradients that differences confirm", function()
    -- away from the kinks at 0 and 3, which no difference quotient sees right
    local away, above = { shape = { 3, 8 }, values = {} }, { shape = { 3, 8 }, values = {} }
    for i = 1, 24 do
      away.values[i] = (i - 12.5) / 5.3
      above.values[i] = 0.5 + i / 10
    end
    for _, name in ipairs(smooth) do
      local why = gradcheck(function(x) return x[name](x) end, { away }, { tolerance = 4e-3 })
      if why then error(name .. ": " .. why) end
    end
    for _, name in ipairs(positive) do
      local why = gradcheck(function(x) return x[name](x) end, { above }, { tolerance = 4e-3 })
      if why then error(name .. ": " .. why) end
    end
    assert.is_nil(gradcheck(function(x) return x:gelu "tanh" end, { away }, { tolerance = 4e-3 }))
    assert.is_nil(gradcheck(function(x) return x:clamp(-1, 1.5) end, { away }))
    assert.is_nil(gradcheck(function(x) return x:pow(3) end, { away }, { tolerance = 4e-3 }))
  end)

  it("keeps the vector functions within 2 ulp of the double result", function()
    local n = 20000
    local values = {}
    for i = 1, n do values[i] = (i - n / 2) / (n / 2) * 87 end
    local x = core.tensor(values)
    local xs = x:totable()
    local function worst(y, f)
      local bad = 0
      for i, g in ipairs(y:totable()) do
        local w = f(xs[i])
        if w > 1e-37 and w < 3e38 then
          local ulp = 2 ^ (select(2, math.frexp(w)) - 24)
          bad = math.max(bad, math.abs(g - w) / ulp)
        end
      end
      return bad
    end
    assert.is_true(worst(x:exp(), math.exp) <= 1.5)
    assert.is_true(worst(x:sigmoid(), function(v) return 1 / (1 + math.exp(-v)) end) <= 3)
    assert.is_true(worst((x / 20):tanh(), function(v)
      return math.tanh(tonumber(require("ffi").new("float", v / 20)))
    end) <= 3)
  end)

  it("gives the same values whatever the position in a vector", function()
    local x = check.random(3, { 37 }, -4, 4)
    for _, name in ipairs { "exp", "tanh", "sigmoid", "gelu", "silu" } do
      local whole = x[name](x)
      for i = 1, 37 do check.same_bits(whole[i], x[i][name](x[i]), name) end
    end
  end)

  it("works in place, on views and in bfloat16", function()
    local x = core.tensor { { -1, 2 }, { 3, -4 } }
    check.values({ { 0, 2 }, { 3, 0 } }, x:relu_())
    x[2]:square_()
    check.values({ { 0, 2 }, { 9, 0 } }, x)
    check.values({ 0, 2 }, core.tensor({ -1, 2 }, "bfloat16"):relu_())
    check.values({ 0, 2 }, core.tensor({ -1, 2 }, "int64"):relu_())
  end)

  it("says what does not fit", function()
    check.raises("exp_: the result does not fit a int64 tensor",
      function() core.arange(3):exp_() end)
    check.raises("relu_: the tensor needs its history",
      function() core.ones(3):requires_grad_():relu_() end)
    check.raises("invalid option 'fast'", function() core.ones(3):gelu "fast" end)
    check.raises("no field 'relo' in Tensor (did you mean 'relu'?)",
      function() return core.ones(3).relo end)
    check.raises("no field 'shap' in Tensor (did you mean 'shape'?)",
      function() return core.ones(3).shap end)
  end)

  it("gives the same bits for every team and run", function()
    local x = check.random(9, { 100000 }, -4, 4)
    for _, name in ipairs { "exp", "gelu", "tanh", "softplus" } do
      check.deterministic(function() return x[name](x) end)
    end
  end)
end)
