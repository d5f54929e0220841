-- Whole steps in bf16-mixed: against f32, the same bits in every run and for every number of
-- threads, and learning.
local compare = require "tests.bf16.compare"
local core = require "vgg.core"
local vgg = require "vgg"

local function net()
  local nn = vgg.nn
  return nn.Sequential {
    nn.Conv2d { 3, 32, kernel = 3, pad = 1 }, nn.BatchNorm2d { 32 }, nn.ReLU {}, nn.MaxPool2d { 2 },
    nn.Conv2d { 32, 64, kernel = 3, pad = 1 }, nn.BatchNorm2d { 64 }, nn.ReLU {},
    nn.MaxPool2d { 2 }, nn.Conv2d { 64, 40, kernel = 3, pad = 1, stride = 2 },
    nn.BatchNorm2d { 40 }, nn.ReLU {}, nn.Flatten {}, nn.Linear { 40 * 16, 64 }, nn.ReLU {},
    nn.Dropout { 0.1 }, nn.Linear { 64, 10 },
  }
end

-- Loss and gradients by name of one step.
local function gradients(model, x, y, precision)
  model:zero_grad()
  local seed, position = core.rng_state()
  local loss = core.autocast(precision, function() return model(x):cross_entropy(y) end)
  core.set_rng_state(seed, position)
  loss:backward()
  local g = {}
  for name, p in model:named_parameters() do g[name] = p.grad:clone():keep() end
  return loss:item(), g
end

local function labels(n)
  local t = {}
  for i = 1, n do t[i] = i % 10 end
  return core.tensor(t, "int64")
end

-- The norm of all gradients, from copies that carry nothing but the numbers.
local function norm_of(model)
  local sum = 0
  for _, p in model:named_parameters() do
    sum = sum + p.grad:clone():square():sum():item()
  end
  return math.sqrt(sum)
end

describe("a step in bf16-mixed", function()
  before_each(function() core.manual_seed(5) end)

  it("leaves norms of gradients that hold while these are as they were", function()
    local model, x, y = net(), core.randn { 36, 3, 32, 32 }, labels(36)
    local parameters = model:parameters()
    local function same()
      local want, got = norm_of(model), vgg.optim.grad_norm(parameters)
      assert.is_true(math.abs(got - want) < 1e-5 * want, got / want)
      return got
    end
    gradients(model, x, y, "bf16")
    local once = same()
    core.autocast("bf16", function() return model(x):cross_entropy(y) end):backward()
    assert.is_true(same() > 1.5 * once)
    local before = vgg.optim.clip_grad_norm(parameters, once / 2)
    assert.is_true(before > once)
    assert.is_true(math.abs(same() - once / 2) < 1e-5 * once)
    model[5].weight.grad:zero_()
    same()
  end)

  it("does not take a norm for that of what a gradient became on its way", function()
    local x, v = core.randn { 4, 32, 8, 8 }, core.randn { 32, 32, 3, 3 }
    v:requires_grad_(true)
    local bn = vgg.nn.BatchNorm2d { 32 }
    local y = core.autocast("bf16", function()
      return x:conv2d { weight = bn(v:clone()), pad = 1 }
    end)
    y:float():square():sum():backward()
    local want = v.grad:clone():square():sum():sqrt():item()
    assert.is_true(math.abs(vgg.optim.grad_norm { v } - want) < 1e-5 * want)
  end)

  it("is f32's, in VGG-16-BN", function()
    local model = vgg.models.vgg16_bn { head = "small" }
    local n = os.getenv "VGGLUA_SANITIZE" and 4 or 16
    local x, y = compare.input { n, 3, 32, 32 }, labels(n)
    local loss, want = gradients(model, x, y, "f32")
    local half, got = gradients(model, x, y, "bf16")
    assert.is_true(math.abs(half / loss - 1) < 1e-2, ("%g, %g"):format(half, loss))
    for name, g in pairs(want) do
      -- normalisations over one value an image make what lies in front of them uncomparable
      if n == 16 and name:find "classifier" then
        assert.is_true(compare.distance(got[name], g) < 0.1, name)
      end
      assert.equal("float32", got[name].dtype)
    end
  end)

  it("gives the same bits in every run, with every number of threads", function()
    local model, x, y = net(), compare.input { 37, 3, 32, 32 }, labels(37)
    local _, first = gradients(model, x, y, "bf16")
    local threads = tonumber(core.device.describe():match "x(%d+)")
    for _, n in ipairs { threads, 1, 3, threads } do
      core.device.set_threads(n)
      local _, again = gradients(model, x, y, "bf16")
      for name, g in pairs(first) do
        assert.equal(0, (again[name] - g):abs():max():item(), name)
      end
    end
  end)

  it("sees the weights that the optimizer left", function()
    local model, x, y = net(), compare.input { 20, 3, 32, 32 }, labels(20)
    local function result()
      return core.no_grad(function()
        model:eval()
        local out = core.autocast("bf16", model, x):to "float32"
        model:train()
        return out
      end)
    end
    for _, optimizer in ipairs { vgg.optim.Adam { model, lr = 1e-2 },
      vgg.optim.SGD { model, lr = 1e-2 } } do
      local before = result()
      gradients(model, x, y, "bf16")
      optimizer:step()
      local kept = result()
      core.no_grad(function()
        for _, p in model:named_parameters() do p:copy_(p:clone()) end -- what is kept is void
      end)
      assert.equal(0, (kept - result()):abs():max():item())
      assert.is_true((kept - before):abs():max():item() > 1e-3)
    end
  end)

  it("learns", function()
    local data = vgg.data.CIFAR10DataModule { data = "synthetic", train_images = 400,
      test_images = 10, batch_size = 64, seed = 1, augment = "none" }
    data:setup "fit"
    local loader, model = data:train_dataloader(), net()
    local optimizer = vgg.optim.Adam { model, lr = 3e-3 }
    local losses = {}
    for step = 1, 30 do
      losses[step] = core.scope(function()
        local x, y = loader:get((step - 1) % (#loader - 1) + 1, 1)
        local loss = core.autocast("bf16", function() return model(x):cross_entropy(y) end)
        optimizer:zero_grad()
        loss:backward()
        optimizer:step()
        return loss:item()
      end)
    end
    local last = (losses[28] + losses[29] + losses[30]) / 3
    assert.is_true(last < 0.6 * losses[1], ("%g to %g"):format(losses[1], last))
  end)
end)
