-- Random fills: the stated rule word by word, moments and distributions, independence from threads
-- and layout, initialisation as torch.nn.init defines it.
local core = require "vgg.core"
local bit = require "bit"

local N = 100000

local function stats(values)
  local sum, square, cube, fourth = 0, 0, 0, 0
  for _, v in ipairs(values) do sum = sum + v end
  local mean = sum / #values
  for _, v in ipairs(values) do
    local d = v - mean
    square, cube, fourth = square + d * d, cube + d ^ 3, fourth + d ^ 4
  end
  local var = square / #values
  return mean, var, cube / #values / var ^ 1.5, fourth / #values / var ^ 2
end

-- Chi-square of counts against equal expectation, as a deviation from its mean in sigmas.
local function chi(counts, total)
  local expected, sum = total / #counts, 0
  for _, c in ipairs(counts) do sum = sum + (c - expected) ^ 2 / expected end
  return (sum - (#counts - 1)) / math.sqrt(2 * (#counts - 1))
end

-- Philox4x32-10 in plain Lua arithmetic, from the paper: the words of block i.
local function mulhilo(a, b) -- 32 x 32 bits in doubles: split b in halves
  local low, high = a * (b % 65536), a * math.floor(b / 65536)
  local carry = math.floor(low / 65536) + high
  return math.floor(carry / 65536), (carry % 65536) * 65536 + low % 65536
end

local function xor(a, b) return bit.bxor(a, b) % 4294967296 end

local function philox(c, k0, k1)
  for _ = 1, 10 do
    local h0, l0 = mulhilo(0xD2511F53, c[1])
    local h1, l1 = mulhilo(0xCD9E8D57, c[3])
    c = { xor(xor(h1, c[2]), k0), l1, xor(xor(h0, c[4]), k1), l0 }
    k0, k1 = (k0 + 0x9E3779B9) % 4294967296, (k1 + 0xBB67AE85) % 4294967296
  end
  return c
end

local USER = 1 -- VG_RNG_USER

local function word(seed, call, i)
  local c = { math.floor(i / 4), USER * 16777216, call, 0 }
  return philox(c, seed, 0)[i % 4 + 1]
end

describe("random fills", function()
  before_each(function() core.manual_seed(77) end)

  it("follow the Philox reference vectors", function()
    -- from the Random123 distribution: philox4x32 10
    local zero = philox({ 0, 0, 0, 0 }, 0, 0)
    assert.same({ 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 }, zero)
    local ones = philox({ 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff }, 0xffffffff, 0xffffffff)
    assert.same({ 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd }, ones)
  end)

  it("uniform uses word i % 4 of block i / 4 of the call's stream", function()
    core.rand { 3 } -- call 0
    local x = core.rand({ 9, 31 }):flatten():totable() -- call 1
    for _, i in ipairs { 0, 1, 2, 3, 4, 63, 64, 67, 255, 278 } do
      assert.equal(math.floor(word(77, 1, i) / 256) / 16777216, x[i + 1])
    end
  end)

  it("normal is Box-Muller on pairs of words", function()
    local x = core.randn({ 201 }):totable()
    for _, i in ipairs { 0, 2, 64, 198 } do
      local u = math.floor(word(77, 0, i) / 256) / 16777216 + 2 ^ -24
      local t = 2 * math.pi * math.floor(word(77, 0, i + 1) / 256) / 16777216
      local r = math.sqrt(-2 * math.log(u))
      assert.near(r * math.cos(t), x[i + 1], 2e-6)
      assert.near(r * math.sin(t), x[i + 2], 2e-6)
    end
  end)

  it("randint and bernoulli use the same words", function()
    local x = core.randint(-3, 7, { 70 }):totable()
    assert.equal(-3 + math.floor(word(77, 0, 69) * 10 / 2 ^ 32), x[70])
    local b = core.empty({ 70 }, "uint8"):bernoulli_(0.25):totable()
    for i = 0, 69 do
      assert.equal(math.floor(word(77, 1, i) / 256) < 0.25 * 2 ^ 24 and 1 or 0, b[i + 1])
    end
  end)

  it("uniform has the moments and the flatness of a uniform", function()
    local values = core.empty({ N }):uniform_(-1, 3):totable()
    local mean, var, skew, kurtosis = stats(values)
    assert.near(1, mean, 4.5 * math.sqrt(16 / 12 / N))
    assert.near(16 / 12, var, 0.02)
    assert.near(0, skew, 0.03)
    assert.near(1.8, kurtosis, 0.03)
    local counts = {}
    for i = 1, 100 do counts[i] = 0 end
    for _, v in ipairs(values) do
      assert.is_true(v >= -1 and v < 3)
      local c = math.floor((v + 1) / 4 * 100) + 1
      counts[c] = counts[c] + 1
    end
    assert.is_true(math.abs(chi(counts, N)) < 4.5)
  end)

  it("normal has the moments of a normal, neighbours are uncorrelated", function()
    local values = core.empty({ N }):normal_(2, 0.5):totable()
    local mean, var, skew, kurtosis = stats(values)
    assert.near(2, mean, 4.5 * 0.5 / math.sqrt(N))
    assert.near(0.25, var, 4.5 * 0.25 * math.sqrt(2 / N))
    assert.near(0, skew, 4.5 * math.sqrt(6 / N))
    assert.near(3, kurtosis, 4.5 * math.sqrt(24 / N))
    for _, lag in ipairs { 1, 2, 3, 4, 64 } do
      local sum = 0
      for i = 1, N - lag do sum = sum + (values[i] - 2) * (values[i + lag] - 2) end
      assert.near(0, sum / (N - lag) / 0.25, 4.5 / math.sqrt(N))
    end
  end)

  it("randint is flat and randperm is a permutation, every place equally likely", function()
    local counts, places = {}, {}
    for i = 1, 10 do counts[i], places[i] = 0, 0 end
    for _, v in ipairs(core.randint(0, 10, { N }):totable()) do
      counts[v + 1] = counts[v + 1] + 1
    end
    assert.is_true(math.abs(chi(counts, N)) < 4.5)
    for _ = 1, 5000 do
      local p = core.randperm(10):totable()
      for i, v in ipairs(p) do if v == 3 then places[i] = places[i] + 1 end end
      table.sort(p)
      assert.same({ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 }, p)
    end
    assert.is_true(math.abs(chi(places, 5000)) < 4.5)
    assert.equal(0, core.randperm(0).numel)
    assert.same({ 0 }, core.randperm(1):totable())
  end)

  it("do not depend on threads or strides", function()
    local function draw(threads, make)
      core.device.set_threads(threads)
      core.manual_seed(4)
      local bytes = make():tobytes()
      core.device.set_threads(0)
      return bytes
    end
    for _, make in ipairs {
      function() return core.rand { 70001 } end,
      function() return core.randn { 70001 } end,
      function() return core.empty({ 70001 }, "uint8"):bernoulli_(0.3) end,
      function() return core.empty({ 70001 }, "bfloat16"):normal_() end,
    } do
      local one = draw(1, make)
      assert.is_true(one == draw(2, make))
      assert.is_true(one == draw(5, make))
    end
    local flat = draw(1, function() return core.rand { 12, 5 } end)
    local view = draw(1, function()
      return core.empty({ 5, 12 }):transpose(1, 2):uniform_():contiguous()
    end)
    assert.is_true(flat == view)
  end)

  it("streams of other calls, seeds and purposes are others", function()
    local a, b = core.rand({ 64 }):tobytes(), core.rand({ 64 }):tobytes()
    assert.is_false(a == b)
    core.manual_seed(78)
    assert.is_false(a == core.rand({ 64 }):tobytes())
    core.manual_seed(77)
    assert.is_false(a == core.init.uniform_(core.empty { 64 }):tobytes())
    core.manual_seed(77)
    assert.is_true(a == core.rand({ 64 }):tobytes())
  end)

  it("refuse what makes no sense", function()
    local x = core.empty { 4 }
    assert.error_matches(function() x:uniform_(2, 1) end, "uniform_: want low <= high, got 2 and 1")
    assert.error_matches(function() x:normal_(0, -1) end, "normal_: want std >= 0")
    assert.error_matches(function() x:bernoulli_(2) end, "bernoulli_: probability 2 is outside")
    assert.error_matches(function() core.empty({ 2 }, "int64"):normal_() end,
      "normal_: want a float tensor, got int64")
    assert.error_matches(function() core.randint(3, 3, { 2 }) end, "randint: want low < high")
    x:requires_grad_()
    assert.error_matches(function() x:uniform_() end, "requires a gradient")
    core.no_grad(function() x:uniform_() end)
  end)
end)

describe("init", function()
  local init = core.init

  it("computes fans as torch.nn.init", function()
    assert.same({ 27, 576 }, { init.fans(core.empty { 64, 3, 3, 3 }) })
    assert.same({ 512, 10 }, { init.fans(core.empty { 10, 512 }) })
    assert.error_matches(function() init.kaiming_normal_(core.empty { 3 }) end,
      "kaiming_normal_: fans need at least two dimensions, got 3")
  end)

  local function deviation(t)
    local values = t:flatten():totable()
    local mean, var = stats(values)
    local most = 0
    for _, v in ipairs(values) do most = math.max(most, math.abs(v)) end
    return mean, math.sqrt(var), most
  end

  -- wanted standard deviation of each, from PyTorch's formulas
  local shape, fan_in, fan_out = { 96, 32, 3, 3 }, 288, 864
  local cases = {
    { "kaiming_normal_", { mode = "fan_out", nonlinearity = "relu" }, math.sqrt(2 / fan_out) },
    { "kaiming_normal_", nil, math.sqrt(2 / fan_in) },
    { "kaiming_uniform_", { a = math.sqrt(5) }, math.sqrt(1 / 3 / fan_in) },
    { "kaiming_uniform_", { nonlinearity = "tanh" }, 5 / 3 / math.sqrt(fan_in) },
    { "kaiming_uniform_", { nonlinearity = "linear", mode = "fan_out" }, 1 / math.sqrt(fan_out) },
    { "xavier_normal_", nil, math.sqrt(2 / (fan_in + fan_out)) },
    { "xavier_uniform_", { gain = 2 }, 2 * math.sqrt(2 / (fan_in + fan_out)) },
  }
  for i, case in ipairs(cases) do
    it(("%s, case %d, has PyTorch's deviation"):format(case[1], i), function()
      core.manual_seed(100 + i)
      local w = core.empty(shape):requires_grad_()
      assert.equal(w, init[case[1]](w, case[2]))
      local mean, std, most = deviation(w)
      assert.near(0, mean, 4.5 * case[3] / math.sqrt(w.numel))
      assert.near(case[3], std, 0.02 * case[3])
      if case[1]:match "uniform" then
        local bound = math.sqrt(3) * case[3]
        assert.is_true(most <= bound * (1 + 1e-6) and most > 0.999 * bound)
      end
    end)
  end

  it("trunc_normal_ stays inside and has the cut normal's deviation", function()
    core.manual_seed(3)
    local w = init.trunc_normal_(core.empty { 200, 200 }, { std = 0.5, a = -0.5, b = 1 })
    local mean, std, most = deviation(w)
    assert.near(0.11492, mean, 0.01)  -- scipy.stats.truncnorm(-1, 2, 0, 0.5)
    assert.near(0.36049, std, 0.005)
    assert.is_true(most <= 1)
    assert.error_matches(function() init.trunc_normal_(w, { a = 1, b = 0 }) end, "want std > 0")
  end)

  it("uniform_, normal_, constant_ write through any strides", function()
    local w = core.empty { 3, 4 }
    init.constant_(w:transpose(1, 2), 2.5)
    assert.equal(30, w:sum():item())
    init.normal_(w:transpose(1, 2), 5, 0)
    assert.equal(60, w:sum():item())
    init.uniform_(w, 7, 7)
    assert.equal(84, w:sum():item())
    assert.error_matches(function() init.kaiming_normal_(w, { fan = 1 }) end,
      "unknown option 'fan'")
    assert.error_matches(function() init.kaiming_normal_(w, { mode = "fan" }) end,
      "invalid option 'fan'")
  end)
end)
