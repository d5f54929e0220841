-- BatchNorm2d, ReLU and MaxPool2d in one pass: the bits of the norm with its ReLU and the pooling
-- behind it, forward and backward, and the pass is taken where it should be.
local core = require "vgg.core"
local vgg = require "vgg"
local pooled = require "tests.support.pooled"
local nn = vgg.nn

local activation, norm_of, copy_of = pooled.activation, pooled.norm, pooled.copy
local calls_in = pooled.calls_in

local function bits(t) return t and t:tobytes() or "none" end

-- The bits of everything a step leaves, by name ("none": no gradient).
local function traces(norm, ...)
  local found, out = pooled.left_by(norm, ...), {}
  for _, name in ipairs { "y", "x" } do out[name] = bits(found[name]) end
  for name in norm:named_parameters() do out[name] = bits(found[name]) end
  for name in norm:named_buffers() do out[name] = bits(found[name]) end
  return out
end

-- options: frozen, detached (x wants no gradient), apart (the two run one after the other).
local function check(norm, x, o)
  o = o or {}
  local reference, layers = copy_of(norm), { norm, nn.ReLU {}, nn.MaxPool2d { 2 } }
  local model, pair = nn.Sequential(layers), nn.Sequential { reference, nn.ReLU {} }
  local s = x.shape
  local cotangent = core.randn { s[1], s[2], math.floor(s[3] / 2), math.floor(s[4] / 2) }
  local want = traces(reference, x, cotangent, not o.detached, function(t)
    return pair(t):max_pool2d { kernel = 2 }
  end)
  local got
  local calls = calls_in(function()
    got = traces(norm, x, cotangent, not o.detached, model)
  end)
  local passes = (o.detached and o.frozen) and 1 or 2
  assert.equal(o.apart and 0 or passes, calls["batch_norm+relu+pool"] or 0)
  assert.equal(o.apart and passes or 0, calls["batch_norm+relu"] or 0)
  assert.equal(o.apart and passes or 0, calls["max_pool2d"] or 0)
  for name, value in pairs(want) do assert.is_true(value == got[name], name .. " differs") end
  return got
end

local thread_counts = { 1, 3 }

describe("a norm, ReLU and pooling in one pass", function()
  local threads = tonumber(core.device.describe():match "x(%d+)")
  before_each(function() core.manual_seed(3) end)
  after_each(function() core.device.set_threads(threads) end)

  for _, n in ipairs { 1, 5, 33, 128 } do
    for _, c in ipairs { 3, 32, 48, 64 } do
      it(("give the same bits: %dx%d"):format(n, c), function()
        local x = core.randn { n, c, 4, 6 }
        for i = 1, 4 do
          local norm = norm_of(c)
          norm:train(i <= 2)
          local got = check(norm, activation(x, i % 2 == 0))
          assert.is_true(got.x ~= "none" and got.weight ~= "none")
        end
      end)
    end
  end

  it("give the same bits in one large map and in many threads", function()
    local x, first = activation(core.randn { 20, 96, 32, 32 }), nil
    local norm = norm_of(96)
    for _, n in ipairs(thread_counts) do
      core.device.set_threads(n)
      core.manual_seed(4)
      local got = check(copy_of(norm), x)
      first = first or got
      for name, value in pairs(first) do assert.is_true(value == got[name], name) end
    end
  end)

  it("give the same bits for a block a thread", function()
    for _, training in ipairs { true, false } do
      local norm = norm_of(512)
      norm:train(training)
      check(norm, activation(core.randn { 16, 512, 2, 2 }, true))
    end
  end)

  it("send the gradient of equals to the first of them", function()
    for _, shift in ipairs { -20, 20 } do -- all behind the ReLU are 0; all of a window are equal
      local x = core.randn { 5, 32, 4, 4 }
      if shift > 0 then x = x * 0 + 1 end
      local norm = norm_of(32, shift)
      norm:eval()
      local got = check(norm, activation(x))
      if shift < 0 then
        assert.is_true(("\0"):rep(#got.y) == got.y)
      else
        local g = core.from_bytes(got.x, { 5, 32, 4, 4 }, "bfloat16"):to "float32"
        assert.equal(5 * 32 * 4, g:ne(0):to("float32"):sum():item())
        assert.equal(5 * 32 * 4, g:reshape(5, 32, 2, 2, 2, 2):select(6, 1):select(4, 1):ne(0)
          :to("float32"):sum():item())
      end
    end
  end)

  it("pass on NaN and infinity", function()
    local function infinite(y) return 1 / y end
    for _, bad in ipairs { infinite, function(y) return -infinite(y) end,
      function(y) return (y - 0.001):sqrt() end } do
      for i = 0, 3 do
        local x = core.randn({ 5, 32, 4, 4 }):square() + 0.01
        x:narrow(1, 2, 1):narrow(2, 4, 2):narrow(3, 1, 1):narrow(4, 2, 2):fill_(0)
        local norm, y = norm_of(32), bad(activation(x))
        local finite = y:to "float32":abs():lt(1e9):to "float32":sum():item()
        assert.equal(x.numel - 4, finite)
        norm:train(i < 2)
        if i % 2 == 1 then core.no_grad(function() norm.weight:neg_() end) end
        check(norm, y)
      end
    end
  end)

  it("work with frozen parameters, and where x wants no gradient", function()
    for i = 0, 7 do
      local norm = norm_of(32)
      local frozen, detached = i % 2 == 1, i % 4 >= 2
      if frozen then norm:requires_grad_(false) end
      norm:train(i < 4)
      local got = check(norm, activation(core.randn { 5, 32, 4, 4 }),
        { frozen = frozen, detached = detached })
      assert.equal(frozen, got.weight == "none")
      assert.equal(detached, got.x == "none")
    end
  end)

  it("add to the gradient of another use of x, and go backward twice", function()
    local x, grads = activation(core.randn { 5, 32, 4, 4 }), {}
    local norm = norm_of(32)
    for i = 1, 2 do
      local own = copy_of(norm)
      local model = nn.Sequential { own, nn.ReLU {} }
      local leaf = x:detach():requires_grad_()
      local y
      if i == 1 then
        model:add(nn.MaxPool2d { 2 })
        y = model(leaf)
      else
        y = model(leaf):max_pool2d { kernel = 2 }
      end
      core.manual_seed(9)
      local sum = y + (leaf * 3):max_pool2d { kernel = 2 }
      local cotangent = core.randn(sum.shape)
      sum:backward(cotangent, { retain_graph = true })
      sum:backward(cotangent)
      grads[i] = { leaf.grad:tobytes(), own.weight.grad:tobytes(), own.bias.grad:tobytes() }
    end
    for k, g in ipairs(grads[1]) do assert.is_true(g == grads[2][k], k) end
  end)

  it("leave odd maps to the layers, which count all of their values", function()
    for _, s in ipairs { { 5, 6 }, { 6, 5 }, { 3, 3 } } do
      local x = activation(core.randn { 5, 32, s[1], s[2] })
      check(norm_of(32), x, { apart = true })
      local y = nn.BatchNorm2d { 32 }
      local calls = calls_in(function()
        y = y._layer:forward(x, true, { kernel = 2 }) -- the operation itself
      end)
      assert.equal(1, calls["batch_norm+relu"])
      assert.equal(1, calls["max_pool2d"])
      assert.same({ 5, 32, math.floor(s[1] / 2), math.floor(s[2] / 2) }, y.shape)
    end
  end)

  it("do not run for other windows, in float32, with a hook or unfused", function()
    local x = activation(core.randn { 5, 32, 4, 4 })
    local function passes(layers, t)
      local model = nn.Sequential(layers)
      return calls_in(function() model(t or x) end)["batch_norm+relu+pool"] or 0
    end
    local function layers(o) return { norm_of(32), nn.ReLU {}, nn.MaxPool2d(o or { 2 }) } end
    assert.equal(1, passes(layers()))
    assert.equal(1, passes(layers { { 2, 2 }, stride = 2 }))
    assert.equal(0, passes(layers { 3 }))
    assert.equal(0, passes(layers { 2, stride = 1 }))
    assert.equal(0, passes(layers { 2, pad = 1 }))
    assert.equal(0, passes(layers { 2, ceil_mode = true }))
    assert.equal(0, passes(layers(), x:to "float32"))
    assert.equal(0, passes(layers(), x:contiguous()))
    for i = 1, 3 do
      local hooked, seen = layers(), nil
      local handle = hooked[i]:register_forward_hook(function(_, _, y) seen = y.shape end)
      assert.equal(0, passes(hooked))
      assert.same({ 5, 32, i == 3 and 2 or 4, i == 3 and 2 or 4 }, seen)
      handle:remove()
      assert.equal(1, passes(hooked))
    end
    local apart = layers()
    apart.fuse = false
    assert.equal(0, passes(apart))
  end)

  it("note the shapes of all three", function()
    local layers = { norm_of(32), nn.ReLU {}, nn.MaxPool2d { 2 } }
    nn.Sequential(layers)(activation(core.randn { 5, 32, 4, 6 }))
    for i, layer in ipairs(layers) do
      assert.same({ 5, 32, 4, 6 }, layer._in)
      assert.same(i == 3 and { 5, 32, 2, 3 } or { 5, 32, 4, 6 }, layer._out)
    end
  end)

  it("name the pooling that does not fit", function()
    local model = nn.Sequential { norm_of(32), nn.ReLU {}, nn.MaxPool2d { 2 } }
    local ok, why = pcall(model, activation(core.randn { 5, 32, 1, 1 }))
    assert.is_false(ok)
    assert.matches("2 (MaxPool2d): max_pool2d: kernel 2", tostring(why), 1, true)
  end)

  it("give the same result without a history, and keep no map of full size", function()
    local x = activation(core.randn { 128, 64, 16, 16 })
    local model = nn.Sequential { norm_of(64), nn.ReLU {}, nn.MaxPool2d { 2 } }
    local full = 2 * x.numel
    -- Bytes beyond those held before, at most while fn runs.
    local function most(fn)
      collectgarbage()
      collectgarbage()
      core.device.reset_peak()
      local before = core.device.memory().live
      local y = fn()
      return core.device.memory().peak - before, y
    end
    model:eval()
    local want = bits(model(x))
    local used, y = most(function() return core.no_grad(function() return model(x) end) end)
    assert.equal(want, bits(y))
    assert.is_true(used < 0.3 * full, used)
    model:train()
    used = most(function() return model(x) end)
    assert.is_true(used < 0.5 * full, used)
  end)
end)
