-- Weights with their channels innermost: the same numbers in another order in memory.
local core = require "vgg.core"
local vgg = require "vgg"
local nn = vgg.nn

-- Convolutions of every kind: few channels, odd numbers, groups, depthwise, 1 x 1, strides.
local function net()
  core.manual_seed(4)
  return nn.Sequential {
    nn.Conv2d { 3, 16, kernel = 3, pad = 1 }, nn.BatchNorm2d { 16 }, nn.ReLU {},
    nn.Conv2d { 16, 24, kernel = 3, pad = 1, stride = 2 }, nn.ReLU {},
    nn.Conv2d { 24, 24, kernel = 3, pad = 1, groups = 24 },
    nn.Conv2d { 24, 20, kernel = 3, pad = 1, groups = 4 },
    nn.Conv2d { 20, 13, kernel = 1 }, nn.Conv2d { 13, 8, kernel = 3 }, nn.Flatten {},
    nn.Linear { 32, 5 },
  }
end

local function batch(k)
  core.manual_seed(100 + k)
  return core.randn { 4, 3, 8, 8 }, core.tensor({ 0, 1, 2, 4 }, "int64")
end

local function close(want, got, bound)
  local scale = math.max(want:abs():amax():item(), 1e-6)
  local error = (want - got):abs():amax():item() / scale
  assert.is_true(error <= bound, ("differs by %g"):format(error))
end

local function step(model, optimizer, k, halves)
  local loss_of, x, y = nn.CrossEntropyLoss {}, batch(k)
  optimizer:zero_grad()
  for _ = 1, halves or 1 do loss_of(model(x), y):backward() end
  vgg.optim.clip_grad_norm(model:parameters(), 1.0)
  optimizer:step()
end

local function same_parameters(one, other, bound)
  local mine = other:state_dict()
  for name, tensor in pairs((one:state_dict())) do
    if tensor.dtype == "float32" then close(tensor:detach(), mine[name]:detach(), bound) end
  end
end

describe("channels_last", function()
  it("turns weights in place and back", function()
    local model = net()
    local weight, norm = model[1].weight, model[2].weight
    local before = weight:detach():clone()
    model:to { memory_format = "channels_last" }
    assert.is_true(rawequal(weight, model[1].weight))
    assert.is_true(weight:is_contiguous "channels_last")
    assert.is_false(weight:is_contiguous())
    assert.is_true(norm:is_contiguous())
    assert.is_true(before:equal(weight:detach()))
    model:to { memory_format = "contiguous_format" }
    assert.is_true(weight:is_contiguous())
    assert.is_true(before:equal(weight:detach()))
  end)

  it("changes no result and no gradient", function()
    for _, precision in ipairs { "f32", "bf16" } do
      local plain, turned, x = net(), net():to { memory_format = "channels_last" }, batch(1)
      local a, b = core.autocast(precision, plain, x), core.autocast(precision, turned, x)
      local cotangent = core.randn(a.shape):to(a.dtype)
      close(a:detach(), b:detach(), 1e-5)
      a:backward(cotangent)
      b:backward(cotangent)
      local theirs = turned:parameters()
      for i, p in ipairs(plain:parameters()) do
        close(p.grad, theirs[i].grad, precision == "f32" and 1e-5 or 1e-3)
      end
    end
  end)

  for _, kind in ipairs { "Adam", "SGD" } do
    it("trains as before with " .. kind .. ", also turned half way", function()
      local options = kind == "SGD" and { lr = 0.05, momentum = 0.9 } or { lr = 1e-3 }
      local function optimizer_of(model)
        return vgg.optim[kind] { model, lr = options.lr, momentum = options.momentum }
      end
      local plain, turned, late = net(), net():to { memory_format = "channels_last" }, net()
      local optimizers = { optimizer_of(plain), optimizer_of(turned), optimizer_of(late) }
      for k = 1, 6 do
        if k == 3 then late:to { memory_format = "channels_last" } end
        for i, model in ipairs { plain, turned, late } do
          step(model, optimizers[i], k, 1 + k % 2)
        end
      end
      same_parameters(plain, turned, 1e-4)
      same_parameters(plain, late, 1e-4)
    end)
  end

  it("takes states that were saved in the usual order", function()
    local plain, turned = net(), net():to { memory_format = "channels_last" }
    local a, b = vgg.optim.Adam { plain, lr = 1e-3 }, vgg.optim.Adam { turned, lr = 1e-3 }
    step(plain, a, 1)
    turned:load_state_dict((plain:state_dict()))
    b:load_state_dict(a:state_dict())
    assert.is_true(turned[1].weight:is_contiguous "channels_last")
    step(plain, a, 2)
    step(turned, b, 2)
    same_parameters(plain, turned, 1e-4)
  end)

  it("is an order of tensors, too, through which gradients flow", function()
    local x = core.randn { 2, 3, 4, 5 }:requires_grad_(true)
    local y = x:contiguous "channels_last"
    assert.is_true(y:is_contiguous "channels_last" and y:detach():equal(x:detach()))
    local cotangent = core.randn { 2, 3, 4, 5 }
    y:backward(cotangent)
    assert.is_true(cotangent:equal(x.grad))
  end)

  it("says what it wants", function()
    assert.error_matches(function() core.randn({ 2, 3 }):contiguous "channels_last" end,
      "channels_last: want 4 dimensions, got 2x3")
    assert.error_matches(function() net():to { memory_format = "last" } end,
      "memory_format is 'channels_last' or 'contiguous_format', got 'last'")
    assert.error_matches(function() net():to { memory = "channels_last" } end, "unknown option")
    assert.error_matches(function() net():to(3) end, "want the name of a device")
  end)
end)
