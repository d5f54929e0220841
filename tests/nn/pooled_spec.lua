-- A norm and the maximum of 2x2 windows behind it as one call, against the two called one after the
-- other, on the device that the specs run on. Where it has no such pass the call is the two.
local core = require "vgg.core"
local device = require "tests.support.device"
local nn = require("vgg").nn
local parity = require "tests.support.parity"
local pooled = require "tests.support.pooled"

local windows = { kernel = 2 }

-- The CPU has the pass in bf16 for maps without an odd edge, a GPU for all that convolutions leave.
local function in_one_pass(x)
  return not device.is_cpu
    or (x.dtype == "bfloat16" and x.shape[3] % 2 == 0 and x.shape[4] % 2 == 0)
end

local function same_bits(what, got, want)
  assert.is_true(got:tobytes() == want:tobytes(), what .. " differs")
end

-- Within a rounding of its type, and a sum's of the largest; NaN and infinity in the same places.
local function close(what, got, want)
  local ulp = want.dtype == "bfloat16" and 2 ^ -7 or 0
  local g, w, largest = parity.flat(got:to "float32"), parity.flat(want:to "float32"), 0
  for _, v in ipairs(w) do
    if v - v == 0 then largest = math.max(largest, math.abs(v)) end
  end
  for i, v in ipairs(w) do
    local good = v ~= v and g[i] ~= g[i] or v == g[i]
      or math.abs(g[i] - v) <= 1e-5 * largest + ulp * math.abs(v)
    if not good then error(("%s: %g, want %g"):format(what, g[i], v), 2) end
  end
end

-- options: plain (no ReLU), detached (x wants no gradient), no_grad. Returns what the pass left.
local function check(norm, x, o)
  o = o or {}
  local reference, s = pooled.copy(norm), x.shape
  local cotangent = core.randn { s[1], s[2], math.floor(s[3] / 2), math.floor(s[4] / 2) }
  local function step(module, forward)
    local function run()
      return pooled.left_by(module, x, cotangent, not o.detached and not o.no_grad, forward)
    end
    return o.no_grad and core.no_grad(run) or run()
  end
  local want = step(reference, function(t)
    return reference._layer:forward(t, not o.plain):max_pool2d(windows)
  end)
  local got
  local calls = pooled.calls_in(function()
    got = step(norm, function(t) return norm._layer:forward(t, not o.plain, windows) end)
  end)
  local fused, passes = in_one_pass(x), got.y.requires_grad and 2 or 1
  local name = o.plain and "batch_norm" or "batch_norm+relu"
  assert.same({ fused and passes or 0, fused and 0 or passes, fused and 0 or passes },
    { calls[name .. "+pool"] or 0, calls[name] or 0, calls.max_pool2d or 0 })
  for _, k in ipairs { "x", "weight", "bias" } do
    assert.equal(want[k] == nil, got[k] == nil, k)
    if want[k] and k == "x" and not norm.training then
      same_bits(k, got[k], want[k]) -- statistics that do not depend on x: no sums
    elseif want[k] then
      close(k, got[k], want[k])
    end
  end
  same_bits("y", got.y, want.y)
  for k in norm:named_buffers() do same_bits(k, got[k], want[k]) end
  return got
end

local function activation(precision, t, touched)
  if precision == "bf16" then t = t:to("bfloat16"):to "float32" end
  return pooled.activation(t, touched, precision)
end

describe("a norm and the maximum of windows as one call", function()
  before_each(function() core.manual_seed(3) end)

  for _, precision in ipairs { "f32", "bf16" } do
    local kinds = { { true }, { true, plain = true }, { false }, { false, plain = true } }

    -- even maps, odd edges, one window, several chunks of rows, lanes beyond the channels
    for _, s in ipairs { { 2, 8, 4, 6 }, { 3, 16, 7, 9 }, { 2, 24, 2, 2 }, { 1, 8, 3, 2 },
      { 5, 8, 2, 5 }, { 3, 8, 40, 38 }, { 2, 24, 41, 39 } } do
      it(("gives the same: %s, %dx%dx%dx%d"):format(precision, unpack(s)), function()
        local x = activation(precision, core.randn(s))
        for _, kind in ipairs(kinds) do
          local norm = pooled.norm(s[2])
          norm:train(kind[1])
          local got = check(norm, x, kind)
          assert.is_true(got.x and got.weight and got.bias and true)
        end
      end)
    end

    it("gives the same in more channels than a block has columns: " .. precision, function()
      local norm = pooled.norm(264)
      check(norm, activation(precision, core.randn { 2, 264, 2, 4 }))
      norm = pooled.norm(520)
      check(norm, activation(precision, core.randn { 1, 520, 3, 2 }))
    end)

    it("gives the same where not all gradients are wanted, and none: " .. precision, function()
      local x = activation(precision, core.randn { 3, 16, 4, 5 })
      for i = 0, 7 do
        local norm = pooled.norm(16)
        norm:train(i < 4)
        if i % 2 == 1 then norm:requires_grad_(false) end
        if i % 4 == 2 then norm.bias:requires_grad_(false) end
        if i % 4 == 3 then norm.weight:requires_grad_(true) end
        local got = check(norm, x, { detached = i % 4 >= 2 })
        assert.same({ i % 4 < 2, i % 4 ~= 1, i % 4 == 0 },
          { got.x ~= nil, got.weight ~= nil, got.bias ~= nil })
        assert.is_false(check(pooled.copy(norm), x, { no_grad = true }).y.requires_grad)
      end
    end)

    it("gives the same without parameters: " .. precision, function()
      for _, training in ipairs { true, false } do
        local norm = nn.BatchNorm2d { 8, affine = false }
        norm:train(training)
        check(norm, activation(precision, core.randn { 3, 8, 5, 6 }))
      end
    end)

    it("sends the gradient of equals to the first of them: " .. precision, function()
      for _, o in ipairs { { -20 }, { 20 }, { -20, plain = true } } do
        local norm = pooled.norm(8, o[1])
        norm:eval()
        local x = activation(precision, core.randn { 2, 8, 4, 5 } * (o[1] > 0 and 0 or 1))
        local got = check(norm, x, o)
        if o[1] > 0 then
          local given = got.x:to "float32":ne(0):to "float32"
          assert.equal(2 * 8 * 2 * 2, given:sum():item())
          for _, at in ipairs { { 1, 1 }, { 1, 3 }, { 3, 1 }, { 3, 3 } } do
            local first = given:select(4, at[2]):select(3, at[1])
            assert.equal(2 * 8, first:sum():item())
          end
        elseif not o.plain then -- all are behind the ReLU
          assert.equal(0, got.y:to "float32":abs():sum():item())
          assert.equal(0, got.x:to "float32":abs():sum():item())
        end
      end
    end)

    it("passes on NaN and infinity, from odd edges as well: " .. precision, function()
      local function nan(y) return (y - 0.001):sqrt() end
      local function infinite(y) return 1 / y end
      for _, bad in ipairs { nan, infinite, function(y) return -infinite(y) end } do
        for i = 0, 3 do
          local x = core.randn({ 3, 8, 5, 7 }):square() + 0.01
          for _, at in ipairs { { 1, 2, 4 }, { 2, 5, 3 }, { 1, 5, 7 }, { 3, 1, 1 }, { 3, 1, 2 } } do
            x:narrow(1, at[1], 1):narrow(2, at[1], 2):narrow(3, at[2], 1):narrow(4, at[3], 1)
              :fill_(0)
          end
          local y = bad(activation(precision, x))
          assert.equal(x.numel - 10, y:to "float32":abs():lt(1e9):to "float32":sum():item())
          local norm = pooled.norm(8)
          norm:train(i < 2)
          if i % 2 == 1 then core.no_grad(function() norm.weight:neg_() end) end
          local got = check(norm, y)
          if i >= 2 and bad == nan then
            assert.is_true(got.weight:isnan():to "float32":sum():item() >= 2)
          end
        end
      end
    end)

    it("is what a Sequential runs, step after step: " .. precision, function()
      local x, results = core.randn { 3, 8, 6, 4 }, {}
      for i, fuse in ipairs { true, false } do
        core.manual_seed(8)
        local model = nn.Sequential { nn.Conv2d { 8, 16, kernel = 3, pad = 1 },
          nn.BatchNorm2d { 16 }, nn.ReLU {}, nn.MaxPool2d { 2 }, nn.Conv2d { 16, 8, kernel = 1 },
          fuse = fuse }
        local calls = pooled.calls_in(function()
          for _ = 1, 2 do
            core.autocast(precision, model, x):to("float32"):square():sum():backward()
          end
        end)
        local one = fuse and (precision == "bf16" or not device.is_cpu)
        assert.equal(one and 4 or 0, calls["batch_norm+relu+pool"] or 0)
        assert.equal(one and 0 or 4, calls.max_pool2d or 0)
        results[i] = {}
        for name, p in model:named_parameters() do results[i][name] = p.grad end
      end
      -- in front of a norm that normalises a bias changes nothing: its gradient is noise
      for name, g in pairs(results[2]) do
        if name ~= "0.bias" then
          local d = (results[1][name] - g):abs():amax():item() / g:abs():amax():item()
          assert.is_true(d <= (precision == "bf16" and 1e-2 or 1e-4), name .. " is off by " .. d)
        end
      end
    end)

    it("adds up in one order: " .. precision, function()
      local x, first = activation(precision, core.randn { 3, 8, 40, 38 }), nil
      local norm = pooled.norm(8)
      for _ = 1, 3 do
        core.manual_seed(4)
        local got = check(pooled.copy(norm), x)
        first = first or got
        for k, t in pairs(first) do same_bits(k, got[k], t) end
      end
    end)
  end

  it("leaves other windows and layouts to the two", function()
    local x = activation("bf16", core.randn { 2, 8, 4, 5 })
    local function fused(t, o)
      local norm = pooled.norm(8)
      local calls = pooled.calls_in(function() norm._layer:forward(t, true, o) end)
      return calls["batch_norm+relu+pool"] == 1
    end
    assert.equal(not device.is_cpu, fused(x, windows))
    assert.is_false(fused(x:contiguous(), windows))
    for _, o in ipairs { { kernel = 3 }, { kernel = 2, stride = 1 }, { kernel = 2, pad = 1 },
      { kernel = { 2, 1 } }, { kernel = 2, ceil_mode = true } } do
      assert.is_false(fused(x, o))
    end
  end)
end)
