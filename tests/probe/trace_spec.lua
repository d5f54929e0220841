-- model:trace: the figures are those of the layers, and what was broken on purpose is found.
local vgg = require "vgg"
local nn = vgg.nn

local function net()
  return nn.Sequential { nn.Conv2d { 3, 8, kernel = 3, pad = 1 }, nn.BatchNorm2d { 8 }, nn.ReLU {},
    nn.Conv2d { 8, 8, kernel = 3, pad = 1 }, nn.ReLU {}, nn.Flatten {}, nn.Linear { 8 * 64, 10 } }
end

local function flags(trace)
  local list = {}
  for _, row in ipairs(trace:flagged()) do list[#list + 1] = row.name .. " " .. row.flag end
  return table.concat(list, ", ")
end

describe("trace", function()
  local model, x
  before_each(function()
    vgg.manual_seed(1)
    model, x = net(), vgg.randn({ 4, 3, 8, 8 })
  end)
  after_each(function() model, x = nil, nil end)

  it("gives shape, statistics and gradient norm of every layer", function()
    model:eval()
    local t = model:trace(x, { target = { "cat", 1, 2, "truck" } })
    assert.equal(7, #t.rows)
    vgg.scope(function()
      local y3 = model[3](model[2](model[1](x)))
      local row, s = t.rows[3], y3:stats()
      assert.same({ 4, 8, 8, 8 }, row.shape)
      assert.near(s.mean, row.stats.mean, 1e-6)
      assert.near(s.std, row.stats.std, 1e-6)
      assert.near(y3:eq(0):float():mean():item(), row.stats.zero_share, 1e-7)
      local leaf = y3:detach():requires_grad_(true)
      model[7](model[6](model[5](model[4](leaf))))
        :cross_entropy(vgg.tensor({ 3, 1, 2, 9 }, "int64")):backward()
      model:zero_grad()
      assert.near(leaf.grad:norm():item(), row.gradient, 1e-5)
    end)
    local text = tostring(t)
    assert.matches("\n0 +Conv2d 3 %-> 8 +4x8x8x8 ", text)
    assert.matches("gradient of the loss %(.*nothing looks wrong$", text)
    assert.matches("gradient of the largest score", tostring(model:trace(x[1])), 1, true)
  end)

  it("leaves weights, statistics, gradients and random numbers alone", function()
    model:train()
    local before, seed, position = {}, vgg.core.rng_state()
    for name, t in pairs(model:state_dict()) do before[name] = t:tobytes() end
    model:trace(x)
    for name, t in pairs(model:state_dict()) do assert.equal(before[name], t:tobytes(), name) end
    for _, p in model:named_parameters() do
      assert.is_nil(p.grad)
      assert.is_true(p.requires_grad)
    end
    assert.same({ seed, position }, { vgg.core.rng_state() })
    assert.is_true(model.training)
    assert.is_false(model[1]._hooks)
  end)

  it("finds a dead layer", function()
    vgg.no_grad(function() model[4].bias:fill_(-100) end)
    local t = model:trace(x)
    assert.equal("4 dead", flags(t))
    assert.matches("dead: every output is 0", tostring(t), 1, true)
    assert.matches("1 layer looks wrong$", tostring(t))
  end)

  it("finds dead channels, told only with enough values", function()
    vgg.no_grad(function() model[4].bias:narrow(1, 1, 5):fill_(-100) end)
    assert.equal("4 half dead", flags(model:trace(x)))
    assert.matches("5 of 8 channels are always 0", tostring(model:trace(x)), 1, true)
  end)

  it("finds an exploding layer, and only that", function()
    vgg.no_grad(function() model[4].weight:mul_(1e5) end)
    assert.equal("3 exploding", flags(model:trace(x)))
  end)

  it("finds a vanishing layer and vanishing gradients", function()
    vgg.no_grad(function()
      model[4].weight:mul_(1e-8)
      model[4].bias:mul_(1e-8)
    end)
    assert.matches("^3 vanishing", flags(model:trace(x)))
    model = net()
    vgg.no_grad(function() model[4].weight:mul_(1e-8) end)
    assert.matches("2 vanishing gradient", flags(model:trace(x)), 1, true)
  end)

  it("finds where numbers stop being finite", function()
    vgg.no_grad(function() model[4].weight:narrow(1, 2, 1):fill_(0 / 0) end)
    local t = model:trace(x)
    assert.equal("3 non-finite", flags(t):match "^[^,]*")
    assert.matches("256 of 2,048 values from a finite input", tostring(t), 1, true)
  end)

  it("finds what no gradient reaches", function()
    local cut = nn.Lambda { function(v) return v:detach() end }
    model = nn.Sequential { nn.Conv2d { 3, 4, kernel = 3 }, nn.ReLU {}, cut, nn.Flatten {},
      nn.Linear { 144, 10 } }
    assert.equal("3 no gradient", flags(model:trace(x))) -- the first behind the cut
  end)

  it("finds a network that is dead at its start", function()
    local t = vgg.models.cifar10net {}:trace(vgg.randn({ 2, 3, 32, 32 }), { target = "dog" })
    assert.matches("features.%d+ vanishing gradient", flags(t))
  end)
end)
