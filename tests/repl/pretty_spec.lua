-- Values as text.
local pretty = require "vgg.pretty"
local core = require "vgg.core"

local function has(text, part)
  assert.is_truthy(text:find(part, 1, true), text .. "\nlacks " .. part)
end

describe("pretty", function()
  local format = pretty.format

  it("shows scalars", function()
    assert.equal("nil", format(nil))
    assert.equal("0.1", format(0.1))
    assert.equal("4500001500000", format(4500001500000))
    assert.equal("nan", format(0 / 0))
    assert.equal("-inf", format(-1 / 0))
    assert.equal('"a\\n\\"b\\"\\000"', format('a\n"b"\0'))
    assert.equal("function (C)", format(print))
    assert.matches("^function %(.*pretty_spec.lua:%d+%)$", format(function() end))
    has(format(("x"):rep(300)), "... (100 more bytes)")
  end)

  it("shows tables in order, in one line where they fit", function()
    assert.equal("{}", format({}))
    assert.equal('{ 1, 2, a = true, ["end"] = 3, ["x y"] = 4 }',
      format({ 1, 2, a = true, ["x y"] = 4, ["end"] = 3 }))
    assert.equal("{ [0] = 1, [2.5] = 2 }", format({ [0] = 1, [2.5] = 2 }))
    assert.equal('{\n  name = "' .. ("n"):rep(60) .. '",\n  other = "' .. ("o"):rep(40) .. '"\n}',
      format({ name = ("n"):rep(60), other = ("o"):rep(40) }))
  end)

  it("limits depth, length and loops", function()
    assert.equal("{ { { { {...} } } } }", format({ { { { { 1 } } } } }))
    local loop = { 1 }
    loop.self = loop
    assert.equal("{ 1, self = <the table around it> }", format(loop))
    local long = {}
    for i = 1, 100 do long[i] = i end
    has(format(long), "... 40 more")
    for line in format(long):gmatch("[^\n]+") do assert.is_true(#line <= 100) end
  end)

  it("uses __tostring and class names, and survives a failing one", function()
    assert.equal("me", format(setmetatable({}, { __tostring = function() return "me" end })))
    assert.equal("Point { x = 1 }", format(setmetatable({ x = 1 }, { __name = "vgg.Point" })))
    has(format(setmetatable({}, { __tostring = function() error("no") end })), "__tostring failed")
    has(format({ setmetatable({}, { __index = function() error("never read") end }) }), "{ {} }")
  end)

  it("colours by type when asked to", function()
    assert.equal("\27[36m1\27[0m", format(1, { colour = true }))
    assert.is_nil(format({ 1, "a", print }):find("\27", 1, true))
  end)

  it("puts short results side by side", function()
    assert.equal("1   nil   nil", pretty.results(3, { 1 }))
    assert.equal("", pretty.results(0, {}))
  end)
end)

describe("a tensor as text", function()
  it("is its values when there are few", function()
    assert.equal("Tensor 2x3 float32 cpu\n    1.0000    2.0000   -0.5000\n    3.0000       nan  " ..
      "100.0000", tostring(core.tensor({ { 1, 2, -0.5 }, { 3, 0 / 0, 100 } })))
    assert.equal("Tensor 3 int64 cpu\n   1  -2   3", tostring(core.tensor({ 1, -2, 3 }, "int64")))
    assert.equal("3.14159", tostring(core.tensor(3.14159)))
    assert.equal("7", tostring(core.tensor(7, "int64")))
    assert.equal("Tensor 2 float32 cpu\n  1.0000e-07  3.0000e+00",
      tostring(core.tensor({ 1e-7, 3 })))
    assert.equal("Tensor 2x1x2 float32 cpu\n  1.0  2.0\n\n  3.0  4.0",
      tostring(core.tensor({ { { 1, 2 } }, { { 3, 4 } } })))
    assert.equal("Tensor 0 float32 cpu", tostring(core.tensor({})))
  end)

  it("is one line of statistics when there are many", function()
    local values = {}
    for i = 1, 101 do values[i] = i end
    local x = core.tensor(values)
    assert.equal("Tensor 101 float32 cpu   min 1.00 max 101.00 mean 51.00 std 29.30", tostring(x))
    values[5], values[6] = 0 / 0, 0 / 0
    local y = core.tensor(values)
    assert.matches("^Tensor 101 float32 cpu   min 1.00 .*  2 NaN$", tostring(y))
    local s = y:stats()
    assert.equal(2, s.nan)
    assert.equal(1, s.min)
    assert.near((5151 - 11) / 99, s.mean, 1e-9)
    assert.equal(tostring(y), pretty.format(y))
    assert.equal(tostring(y), pretty.brief(y))
  end)

  it("says when it was released", function()
    local x = core.tensor({ 1 })
    x:free()
    assert.equal("Tensor (released)", tostring(x))
  end)
end)
