-- Reductions.
local core = require "vgg.core"
local check = require "tests.support.check"
local gradcheck = require "tests.support.gradcheck"
local point = require "tests.support.point"

describe("reduce", function()
  point.each("reduce", it)

  it("has gradients that differences confirm", function()
    local x = { shape = { 3, 4, 2 } }
    local forms = { {}, { 1 }, { -1 }, { { 1, 3 } }, { { 2, 3 }, { keepdim = true } } }
    for _, name in ipairs { "sum", "mean", "var", "std", "norm", "prod", "amax", "amin" } do
      for _, form in ipairs(forms) do
        local why = gradcheck(function(t) return t[name](t, unpack(form)) end, { x },
          { tolerance = 5e-3, step = 1e-3 * 4 })
        if why then error(name .. ": " .. why) end
      end
    end
    assert.is_nil(gradcheck(function(t) return (t:max(2)) end, { x }))
  end)

  it("sums long rows and tall columns without losing digits", function()
    local n = 300000
    check.values(n * 0.1, core.full({ n }, 0.1):sum():item(), 1e-6)
    local third = n * 0.1 / 3
    check.values({ third, third, third }, core.full({ n / 3, 3 }, 0.1):sum(1), 1e-6)
    local wide = core.full({ n / 300, 300 }, 0.1):sum(1)
    check.values(n / 300 * 0.1, wide:amax():item(), 1e-6)
    check.values(2 ^ 53 - 2, core.full({ 2 }, 2 ^ 52 - 1, "int64"):sum():item(), 0)
  end)

  it("follows any strides", function()
    local x = check.random(4, { 6, 20, 10 })
    for dim = 1, 3 do
      local moved = { [1] = { 3, 1, 2 }, [2] = { 1, 3, 2 }, [3] = { 2, 3, 1 } }
      for _, order in pairs(moved) do
        local v, at = x:permute(order), nil
        for i, d in ipairs(order) do if d == dim then at = i end end
        local want = x:sum(dim)
        local got, rest = v:sum(at), {}
        for _, d in ipairs(order) do
          if d ~= dim then rest[#rest + 1] = d > dim and d - 1 or d end
        end
        assert.is_true(got:allclose(want:permute(rest), { rtol = 1e-6, atol = 1e-6 }))
      end
    end
    check.values({ { 4, 4 } }, core.ones(1, 2):expand(4, 2):sum(1, { keepdim = true }))
  end)

  it("gives the same bits for every team and run", function()
    local x = check.random(8, { 70, 40, 50 })
    for _, name in ipairs { "sum", "mean", "var", "norm", "amax", "argmax" } do
      for _, dim in ipairs { 0, 1, 2, 3 } do
        check.deterministic(function()
          if dim == 0 then return x[name](x) end
          return x[name](x, dim)
        end)
      end
    end
    check.deterministic(function() return x:sum { 1, 3 } end)
  end)

  it("says what does not fit", function()
    local x = core.zeros(2, 3)
    check.raises("sum: dimension 3 of a 2-dimensional tensor", function() x:sum(3) end)
    check.raises("sum: dimension -3 of a 2-dimensional tensor", function() x:sum(-3) end)
    check.raises("sum: dimension 2 is given twice", function() x:sum { 2, -1 } end)
    check.raises("dimensions count from 1", function() x:sum(0) end)
    check.raises("argmax: one dimension, or none", function() x:argmax { 1, 2 } end)
    check.raises("amax: an empty dimension has no amax (0x3)",
      function() core.zeros(0, 3):amax(1) end)
    check.raises("mean: want a float tensor, got int64", function() core.arange(3):mean() end)
    check.raises("sum: unknown option 'keepdims' (did you mean 'keepdim'?)",
      function() x:sum(1, { keepdims = true }) end)
  end)

  it("compares whole tensors", function()
    local a = core.tensor { 1, 2, 3 }
    assert.is_true(a:allclose(a + 1e-7))
    assert.is_false(a:allclose(a + 1e-3))
    assert.is_true(a:allclose(a + 1e-3, { atol = 1e-2 }))
    assert.is_true(a:equal(a:clone()))
    assert.is_false(a:equal(a:long()))
    assert.is_false(core.tensor { 0 / 0 }:equal(core.tensor { 0 / 0 }))
    assert.is_true(core.tensor { math.huge }:allclose(core.tensor { math.huge }))
    check.raises("allclose: 3 and 2", function() a:allclose(core.zeros(2)) end)
  end)
end)
