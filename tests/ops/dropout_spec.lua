-- Dropout: rate, scale, one mask for forward and backward whatever the layout or thread count.
local core = require "vgg.core"

local function kept(t)
  local n = 0
  for _, v in ipairs(t:totable()) do if v ~= 0 then n = n + 1 end end
  return n
end

describe("dropout", function()
  before_each(function() core.manual_seed(5) end)

  it("keeps 1 - p of the values and scales them by 1 / (1 - p)", function()
    local n = 200000
    local x = core.empty({ n }):fill_(1)
    for _, p in ipairs { 0.1, 0.3, 0.5, 0.9 } do
      local y = x:dropout(p)
      local sigma = math.sqrt(p * (1 - p) * n)
      assert.near((1 - p) * n, kept(y), 4.5 * sigma)
      local top = 0
      for _, v in ipairs(y:totable()) do if v ~= 0 then top = v break end end
      assert.near(1 / (1 - p), top, 1e-6)
      assert.near(1, y:mean():item(), 4.5 * math.sqrt(p / (1 - p) / n))
    end
  end)

  it("is the identity when not training and for p = 0; p = 1 gives zeros", function()
    local x = core.randn({ 7, 3 })
    local before = { core.rng_state() }
    assert.is_true(x:tobytes() == x:dropout(0.5, false):tobytes())
    assert.is_true(x:tobytes() == x:dropout(0):tobytes())
    assert.same(before, { core.rng_state() }) -- nothing was drawn
    for _, row in ipairs(x:dropout(1):totable()) do
      for _, v in ipairs(row) do assert.equal(0, math.abs(v)) end
    end
  end)

  it("sends gradients through the same mask", function()
    local x = core.empty({ 6, 50 }):fill_(1):requires_grad_()
    local y = x:dropout(0.4)
    y:backward(core.empty({ 6, 50 }):fill_(1))
    assert.is_true(y:tobytes() == x.grad:tobytes())
    x:set_grad(nil)
    y = (x * 2):dropout(0.4)
    y:sum():backward()
    assert.is_true(y:tobytes() == x.grad:tobytes())
  end)

  it("draws a new mask each call, and the same one for the same seed and call", function()
    local x = core.empty({ 1000 }):fill_(1)
    local a, b = x:dropout(0.5):tobytes(), x:dropout(0.5):tobytes()
    assert.is_false(a == b)
    core.manual_seed(5)
    assert.is_true(a == x:dropout(0.5):tobytes())
    local seed, position = core.rng_state()
    local c = x:dropout(0.5):tobytes()
    core.set_rng_state(seed, position)
    assert.is_true(c == x:dropout(0.5):tobytes())
    core.manual_seed(6)
    assert.is_false(a == x:dropout(0.5):tobytes())
  end)

  it("does not depend on the number of threads", function()
    local x = core.randn({ 3, 7, 41, 43 })
    local function run(threads)
      core.device.set_threads(threads)
      core.manual_seed(9)
      local y = x:dropout(0.3)
      core.device.set_threads(0)
      return y:tobytes()
    end
    local one = run(1)
    assert.is_true(one == run(2))
    assert.is_true(one == run(7))
  end)

  it("draws by logical element: blocked activations get the mask of plain ones", function()
    for _, size in ipairs { 1, 3, 4, 6 } do
      local images = core.randn({ 2, 4, size, size })
      local weight = core.randn({ 32, 4, 3, 3 })
      local blocked = images:conv2d { weight = weight, pad = 1 }
      assert.not_equal("strided", blocked.layout)
      local plain = core.from_bytes(blocked:tobytes(), blocked.shape, "float32")
      core.manual_seed(21)
      local a = blocked:dropout(0.5)
      core.manual_seed(21)
      local b = plain:dropout(0.5)
      assert.equal("strided", b.layout)
      assert.is_true(a:tobytes() == b:tobytes())
    end
  end)

  it("masks blocked gradients as the forward masked", function()
    local images = core.randn({ 2, 4, 5, 5 })
    local weight = core.randn({ 32, 4, 3, 3 }):requires_grad_()
    local x = images:conv2d { weight = weight, pad = 1 }
    x:retain_grad()
    local y = x:dropout(0.3)
    y:sum():backward()
    local ratio = (y / x):flatten():totable()
    for i, g in ipairs(x.grad:flatten():totable()) do assert.near(ratio[i], g, 1e-5) end
  end)

  it("takes views, bfloat16 and empty tensors; NaN stays NaN", function()
    local x = core.randn({ 8, 6 })
    core.manual_seed(3)
    local a = x:transpose(1, 2):dropout(0.5):tobytes()
    core.manual_seed(3)
    assert.is_true(a == x:transpose(1, 2):contiguous():dropout(0.5):tobytes())
    assert.equal("bfloat16", x:to("bfloat16"):dropout(0.5).dtype)
    assert.equal(0, core.empty({ 0, 3 }):dropout(0.5).numel)
    local nan = core.tensor({ 0 / 0, 0 / 0, 0 / 0, 0 / 0 }):dropout(0.5):totable()
    for _, v in ipairs(nan) do assert.is_true(v ~= v) end
  end)

  it("refuses a probability outside 0..1 and whole numbers", function()
    assert.error_matches(function() core.randn({ 2 }):dropout(1.5) end,
      "dropout: probability 1.5 is outside 0..1")
    assert.error_matches(function() core.randn({ 2 }):dropout(0 / 0) end, "dropout: probability")
    assert.error_matches(function() core.tensor({ 1 }, "int64"):dropout(0.5) end,
      "dropout: want a float tensor, got int64")
  end)
end)
