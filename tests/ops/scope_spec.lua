-- Who keeps a tensor alive: scopes, keep, free, handles after release.
local core = require "vgg.core"
local check = require "tests.support.check"

local function live() return core.device.host_memory().tensors end

describe("scope", function()
  it("releases what was born inside at its end", function()
    collectgarbage()
    local before, inside = live(), nil
    core.scope(function()
      local held = {}
      for i = 1, 10 do held[i] = core.zeros(100) end
      inside = held[1]
      assert.equals(before + 10, live())
    end)
    assert.equals(before, live())
    assert.is_true(inside:is_released())
    check.raises("tensor was released (its scope ended, or it was freed)",
      function() return inside + 1 end)
    check.raises("tensor was released", function() return inside.shape end)
  end)

  it("moves results out, also inside a table", function()
    local a, t, n = core.scope(function()
      return core.ones(1), { core.ones(2), name = core.ones(3) }, 7
    end)
    assert.equals(7, n)
    check.values({ 1 }, a)
    check.values({ 1, 1 }, t[1])
    check.values({ 1, 1, 1 }, t.name)
  end)

  it("keeps what is asked for and what existed before", function()
    local outer = core.ones(1)
    local kept
    core.scope(function()
      kept = core.zeros(2):keep()
      local _ = outer + 1
    end)
    check.values({ 0, 0 }, kept)
    check.values({ 1 }, outer)
  end)

  it("nests: results go to the enclosing scope only", function()
    local r
    core.scope(function()
      r = core.scope(function() return core.ones(2) end)
      check.values({ 1, 1 }, r)
    end)
    assert.is_true(r:is_released())
  end)

  it("closes after an error, which passes on", function()
    collectgarbage()
    local before = live()
    local e = {}
    local ok, got = pcall(core.scope, function()
      core.scope(function()
        core.zeros(10)
        error(e)
      end)
    end)
    assert.is_false(ok)
    assert.equals(e, got)
    assert.equals(before, live())
  end)

  it("lets gradients of leaves outside survive", function()
    local x = core.ones(3):requires_grad_()
    core.scope(function() (x * 2):sum():backward() end)
    check.values({ 2, 2, 2 }, x.grad)
  end)

  it("frees by hand, twice without harm", function()
    collectgarbage()
    local before = live()
    local x = core.zeros(5)
    x:free()
    x:free()
    assert.equals(before, live())
    assert.is_true(x:is_released())
    check.raises("keep it with tensor:keep()", function() x:keep() end)
  end)

  it("works inside coroutines that end before it", function()
    local co = coroutine.wrap(function()
      local r = core.scope(function() return core.ones(2) * 3 end)
      return r
    end)
    check.values({ 3, 3 }, co())
  end)
end)
