-- vgg.json: the same text for the same value, exact numbers, NaN and infinities.
local json = require "vgg.json"

describe("json", function()
  it("sorts keys and keeps numbers exact", function()
    assert.equal('{"a":[1,2.5,-3],"b":{"x":0.1,"y":1e+300},"c":{}}',
      json.encode { c = {}, b = { y = 1e300, x = 0.1 }, a = { 1, 2.5, -3 } })
    local hard = { 0.1, 1 / 3, 2 ^ 53, 2 ^ 52 + 1, 1e-310, -1.7976931348623157e308, 123456789012 }
    for _, v in ipairs(hard) do
      assert.equal(v, json.decode(json.encode { v })[1])
    end
  end)

  it("carries NaN and the infinities", function()
    local v = json.decode(json.encode { nan = 0 / 0, list = { math.huge, -math.huge } })
    assert.is_true(v.nan ~= v.nan)
    assert.same({ math.huge, -math.huge }, v.list)
  end)

  it("quotes text", function()
    local s = 'a"b\\c\n\0\1/é'
    assert.equal(s, json.decode(json.encode { s })[1])
    assert.is_true(json.decode(json.encode { true })[1])
    assert.equal("null", json.encode(json.null))
  end)

  it("refuses what has no JSON", function()
    assert.has_error(function() json.encode { f = print } end, "json: value.f is a function")
    assert.has_error(function() json.encode { x = { 1, a = 2 } } end)
    local loop = {}
    loop.loop = loop
    assert.has_error(function() json.encode(loop) end)
    local v, message = json.decode "{"
    assert.is_nil(v)
    assert.matches("^json: ", message)
  end)
end)
