-- Leaf layers against PyTorch: names, outputs, gradients, statistics, initial values, mistakes.
local vgg = require "vgg"
local json = require "vgg.json"
local nn = vgg.nn
local hash = dofile "tests/nn/hash.lua"

local function stored()
  local file = assert(io.open("tests/parity/nn/nn.json"))
  local text = file:read "*a"
  file:close()
  return json.decode(text)
end

local function small_net(options)
  options = options or {}
  return nn.Sequential {
    fuse = options.fuse,
    nn.Conv2d { 3, 8, kernel = 3, stride = 2, pad = 1, bias = false },
    nn.BatchNorm2d { 8 },
    nn.ReLU {},
    nn.Conv2d { 8, 12, kernel = { 3, 1 }, pad = { 1, 0 }, groups = 4 },
    nn.BatchNorm2d { 12, eps = 1e-3, momentum = 0.3 },
    nn.GELU {},
    nn.MaxPool2d { 2 },
    nn.Conv2d { 12, 6, kernel = 3, dilation = 2, pad = 2 },
    nn.BatchNorm2d { 6, affine = false },
    nn.AdaptiveAvgPool2d { 2 },
    nn.Flatten {},
    nn.Linear { 24, 5 },
    nn.LeakyReLU { 0.2 },
    nn.Linear { 5, 4, bias = false },
  }
end

-- Largest difference of a tensor from stored values, against the largest of those (or `floor`).
local function off(tensor, want, floor)
  local got, worst, size = tensor:flatten():totable(), 0, floor or 1e-30
  assert.equal(#want, #got)
  for i, w in ipairs(want) do
    worst, size = math.max(worst, math.abs(got[i] - w)), math.max(size, math.abs(w))
  end
  return worst / size
end

local function loss_of(net, x, y)
  local logits = net(x)
  return logits:cross_entropy(y, { label_smoothing = 0.1 }), logits
end

describe("leaf layers", function()
  it("compute what PyTorch computes, forward, backward and running", function()
    local want, net = stored(), small_net()
    hash.set_weights(net)
    local _, names = net:state_dict()
    assert.same(want.names, names)
    local y = hash.labels(4, 1100, 4)
    for i = 1, 2 do
      local x = hash.images({ 4, 3, 16, 16 }, 999 + i)
      net:zero_grad()
      local loss, logits = loss_of(net, x, y)
      assert.is_true(math.abs(loss:item() - want.loss[i]) < 1e-5 * want.loss[i])
      assert.is_true(off(logits, want.train[i]) < 1e-5)
      loss:backward()
    end
    for name, p in net:named_parameters() do
      -- a bias in front of a norm has no gradient but rounding
      assert.is_true(off(p.grad, want.gradients[name], 1e-3) < 1e-4, name)
    end
    for name, b in net:named_buffers() do
      assert.is_true(off(b, want.buffers[name]) < 1e-5, name)
    end
    net:eval()
    assert.is_true(off(net(hash.images({ 4, 3, 16, 16 }, 1000)), want.eval) < 1e-5)
  end)

  it("give the same numbers with the norm and ReLU fused and apart", function()
    local x, y = hash.images({ 4, 3, 16, 16 }, 1000), hash.labels(4, 1100, 4)
    local seen = {}
    for i, fuse in ipairs { true, false } do
      local net = small_net { fuse = fuse }
      hash.set_weights(net)
      local loss, logits = loss_of(net, x, y)
      loss:backward()
      seen[i] = { logits = logits, eval = net:eval()(x), net = net }
    end
    assert.is_true(off(seen[1].logits, seen[2].logits:flatten():totable()) < 1e-6)
    assert.is_true(off(seen[1].eval, seen[2].eval:flatten():totable()) < 1e-6)
    local other, buffers = seen[2].net:parameters(), {}
    for i, p in ipairs(seen[1].net:parameters()) do
      assert.is_true(off(p.grad, other[i].grad:flatten():totable(), 1e-3) < 1e-5)
    end
    for name, b in seen[2].net:named_buffers() do buffers[name] = b end
    for name, b in seen[1].net:named_buffers() do
      assert.same(buffers[name]:totable(), b:totable())
    end
  end)

  it("start with PyTorch's default values", function()
    vgg.manual_seed(5)
    local conv, linear = nn.Conv2d { 16, 64, kernel = 3 }, nn.Linear { 300, 200 }
    for _, case in ipairs { { conv, 144 }, { linear, 300 } } do
      local bound = 1 / math.sqrt(case[2])
      for _, p in ipairs(case[1]:parameters()) do
        local v = p:flatten():totable()
        local sum, squares, largest = 0, 0, 0
        for _, a in ipairs(v) do
          sum, squares, largest = sum + a, squares + a * a, math.max(largest, math.abs(a))
        end
        local std = bound / math.sqrt(3)
        assert.is_true(largest <= bound * 1.0000001 and largest > 0.95 * bound)
        assert.is_true(math.abs(sum / #v) < 5 * std / math.sqrt(#v))
        assert.is_true(math.abs(math.sqrt(squares / #v) / std - 1) < 3 / math.sqrt(#v))
      end
    end
    local norm = nn.BatchNorm2d { 3 }
    assert.same({ 1, 1, 1 }, norm.weight:totable())
    assert.same({ 0, 0, 0 }, norm.bias:totable())
    assert.same({ 0, 0, 0 }, norm.running_mean:totable())
    assert.same({ 1, 1, 1 }, norm.running_var:totable())
    assert.equal(0, norm.num_batches_tracked:item())
    assert.equal("int64", norm.num_batches_tracked.dtype)
  end)

  it("draw the same start from the same seed, and anew on reset_parameters", function()
    local function weights(seed)
      vgg.manual_seed(seed)
      return nn.Linear { 4, 3 }.weight:flatten():totable()
    end
    assert.same(weights(1), weights(1))
    assert.are_not.same(weights(1), weights(2))
    local layer = nn.Linear { 4, 3 }
    local before = layer.weight:flatten():totable()
    layer:reset_parameters()
    assert.are_not.same(before, layer.weight:flatten():totable())
    local norm = nn.BatchNorm2d { 2 }
    norm(hash.images({ 2, 2, 3, 3 }, 7))
    assert.equal(1, norm.num_batches_tracked:item())
    norm:reset_parameters()
    assert.equal(0, norm.num_batches_tracked:item())
    assert.same({ 1, 1 }, norm.running_var:totable())
  end)

  it("keep running statistics only in training, and only when asked", function()
    local x = hash.images({ 4, 2, 3, 3 }, 7)
    local norm = nn.BatchNorm2d { 2 }:eval()
    norm(x)
    assert.same({ 0, 0 }, norm.running_mean:totable())
    norm:train()
    norm(x)
    assert.are_not.same({ 0, 0 }, norm.running_mean:totable())
    local free = nn.BatchNorm2d { 2, track_running_stats = false }
    assert.is_false(free.running_mean)
    local trained, evaluated = free(x), free:eval()(x)
    assert.same(trained:flatten():totable(), evaluated:flatten():totable())
  end)

  it("say what an option should have been", function()
    local function message(fn, ...)
      local ok, e = pcall(fn, ...)
      assert.is_false(ok)
      return tostring(e)
    end
    local cases = {
      { nn.Conv2d, { 3, 64, kernel = 3, padding = 1 },
        "Conv2d: unknown option 'padding' (did you mean 'pad'?)" },
      { nn.Conv2d, { 3, 64 }, "Conv2d: option 'kernel' is missing" },
      { nn.Conv2d, { 3, 64, 3, 1, kernel = 3 },
        "Conv2d: want 2 values before the named options, got 4" },
      { nn.Conv2d, { 3, kernel = 3 }, "Conv2d: want the output channels at position 2, got nil" },
      { nn.Conv2d, { 3, 64, kernel = 3, groups = 2 },
        "Conv2d: 2 groups do not divide 3 -> 64 channels" },
      { nn.Conv2d, { 3, 64, kernel = -1 },
        "Conv2d: kernel -1 stride 1 dilation 1 pad 0 is not possible" },
      { nn.Linear, { 0, 10 }, "Linear: want at least one feature, got 0 -> 10" },
      { nn.Linear, { 4, 10, bias = 1 }, "option 'bias': want true or false, got number" },
      { nn.BatchNorm2d, { 8, momentun = 0.2 },
        "BatchNorm2d: unknown option 'momentun' (did you mean 'momentum'?)" },
      { nn.BatchNorm2d, { 8, momentum = 2 },
        "BatchNorm2d: want eps >= 0 and momentum in 0..1, got 1e-05 and 2" },
      { nn.MaxPool2d, {}, "MaxPool2d: option 'kernel' is missing" },
      { nn.MaxPool2d, { 2, 2 }, "MaxPool2d: want 1 values before the named options, got 2" },
      { nn.Dropout, { 1.5 }, "Dropout: want a probability from 0 to 1, got 1.5" },
      { nn.LeakyReLU, { slop = 1 }, "LeakyReLU: unknown option 'slop' (did you mean 'slope'?)" },
      { nn.CrossEntropyLoss, { reduction = "avg" },
        "CrossEntropyLoss: reduction is 'mean', 'sum' or 'none', got 'avg'" },
    }
    for _, case in ipairs(cases) do
      local text = message(case[1], case[2])
      assert.equal(case[3], (text:gsub("^[^:]*_spec%.lua:%d+: ", "")))
    end
  end)

  it("train away a small problem", function()
    vgg.manual_seed(3)
    local net = small_net()
    local x, y = hash.images({ 4, 3, 16, 16 }, 1000), hash.labels(4, 1100, 4)
    local first, last
    for _ = 1, 30 do
      last = vgg.scope(function()
        net:zero_grad()
        local loss = net(x):cross_entropy(y)
        loss:backward()
        vgg.no_grad(function()
          for _, p in ipairs(net:parameters()) do p:sub_(p.grad * 0.1) end
        end)
        return loss:item()
      end)
      first = first or last
    end
    assert.is_true(last < 0.5 * first, ("%g after %g"):format(last, first))
  end)
end)
