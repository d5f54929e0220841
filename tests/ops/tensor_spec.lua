-- Creation from Lua values, fields, reading back, memory accounting and its hooks.
local core = require "vgg.core"
local check = require "tests.support.check"

describe("tensor", function()
  it("is made from nested tables and read back", function()
    local x = core.tensor { { 1, 2, 3 }, { 4, 5, 6 } }
    check.shape({ 2, 3 }, x)
    assert.equals("float32", x.dtype)
    assert.equals(core.get_default_device(), x.device)
    assert.equals(2, x.ndim)
    assert.equals(6, x.numel)
    assert.equals("strided", x.layout)
    check.values({ { 1, 2, 3 }, { 4, 5, 6 } }, x)
    check.shape({}, core.tensor(5))
    assert.equals(5, core.tensor(5):item())
    check.shape({ 0 }, core.tensor {})
    check.values({ 1, 0 }, core.tensor({ true, false }, "uint8"))
    check.values({ 3, -4 }, core.tensor({ 3, -4 }, "int64"))
    assert.equals(("\1\2\3"), core.tensor({ 1, 2, 3 }, "uint8"):tobytes())
    check.values({ 7, 8 }, core.from_bytes("\7\8", { 2 }, "uint8"))
  end)

  it("says what is wrong with its arguments", function()
    check.raises("tensor: rows of different length", core.tensor, { { 1, 2 }, { 3 } })
    check.raises("tensor: want a number, got string", core.tensor, { "1" })
    check.raises("tensor: want a number, got table", core.tensor, { 1, { 2 } })
    check.raises("from_bytes: 3 bytes do not make a 2 tensor of float32",
      core.from_bytes, "abc", { 2 })
    check.raises("invalid option 'float64'", core.tensor, { 1 }, "float64")
    check.raises("item: want one element, got 2", function() core.zeros(2):item() end)
    check.raises("no field 'wieght' in Tensor", function() return core.zeros(2).wieght end)
    check.raises("sizes are whole numbers", core.empty, { -2 })
    check.raises("too many elements", core.empty, { 2 ^ 40, 2 ^ 40 })
  end)

  it("refuses memory over the limit with an error of its own kind", function()
    local before = core.device.memory().live
    core.device.set_memory_limit(before + 2 ^ 20)
    local ok, e = pcall(core.empty, { 2 ^ 20 })
    core.device.set_memory_limit(0)
    assert.is_false(ok)
    assert.equals("memory", e.kind)
    assert.equals(5, e.exit)
    check.raises("would pass the limit of", error, e)
  end)

  it("stays under 400 MB over 10,000 temporaries of 40 MB without any scope", function()
    core.device.empty_cache()
    collectgarbage()
    core.device.reset_peak()
    for _ = 1, 10000 do core.empty { 10 * 1000 * 1000 } end
    assert.is_true(core.device.memory().peak < 400e6)
    collectgarbage()
    core.device.empty_cache()
  end)

  it("asks the device for nothing in a steady loop", function()
    local x = core.ones(64, 64):requires_grad_()
    local function step()
      core.scope(function() (x * x + x):relu():sum():backward() end)
      x:set_grad(nil)
    end
    for _ = 1, 3 do step() end
    local pool, host = core.device.memory(), core.device.host_memory()
    for _ = 1, 200 do step() end
    assert.equals(pool.device_allocs, core.device.memory().device_allocs)
    if host.caching then
      assert.equals(host.system_calls, core.device.host_memory().system_calls)
    end
    assert.equals(host.tensors, core.device.host_memory().tensors)
  end)

  it("survives the failure of any allocation without a leak", function()
    local function work()
      local x = core.ones(3, 300):requires_grad_()
      local y = core.cat({ x * 2, x:t():contiguous():reshape(3, 300) }, 1):relu()
      local z = (y:exp() / (y + 1)):sum(2) + y:var(1):mean()
      local v = z:topk(2)
      v:sum():backward()
      return x.grad:sum():item() + x:argmax(2):sum():item()
    end
    local want, failures = work(), 0
    check.clean(function()
      for n = 1, 2000 do
        core.device.empty_cache()
        core.device.fail_alloc(n)
        local ok, e = pcall(work)
        core.device.fail_alloc(0)
        if ok then
          assert.equals(want, e)
        else
          failures = failures + 1
          assert.equals("memory", e.kind)
        end
        if ok and failures > 0 and n > 1000 then break end
      end
    end)
    assert.is_true(failures > 50)
  end)
end)
