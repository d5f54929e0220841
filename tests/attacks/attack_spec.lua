-- What every attack promises: stopping for each sample, independence of the batch, a model left as
-- it was, messages.
package.path = "tests/attacks/?.lua;" .. package.path
local attacks = require "vgg.attacks"
local core = require "vgg.core"
local net = require "net"

local x, targets = net.stored.images, net.stored.targets:totable()
local labels = net.stored.labels:totable()

local function grid(n) -- n images, each against ten classes
  local index, classes = {}, {}
  for i = 0, n - 1 do
    for class = 0, 9 do index[#index + 1], classes[#classes + 1] = i, class end
  end
  return x:index_select(1, core.tensor(index, "int64")), classes
end

describe("stopping", function()
  it("takes exactly max_iter steps for a hopeless target", function()
    local steps = 0
    local result = attacks.targeted_adam { lr = 1e-7, max_iter = 17 }(net.model(), x, targets,
      { on_step = function(s) if s.going then steps = steps + 1 end end })
    assert.equal(17, steps)
    for i = 1, #targets do
      assert.equal(17, result.iterations[i])
      assert.equal(18, #result.history[i].p)
    end
  end)

  it("0 steps give the image itself", function()
    local result = attacks.targeted_adam { max_iter = 0 }(net.model(), x, targets)
    assert.equal(0, net.far(result.adversary, x))
    assert.same({ 0, 0, 0, 0, 0, 0 }, result.iterations)
    assert.equal(result.clean_prob[1], result.prob[1])
  end)

  it("looks before the step, strictly above the threshold, at each sample alone", function()
    local model = net.model()
    local clean = attacks.targeted_adam { max_iter = 0 }(model, x, labels)
    local threshold = clean.clean_prob[2]
    local result = attacks.targeted_adam { max_iter = 30, prob_threshold = threshold, lr = 1e-2 }(
      model, x, labels)
    for i = 1, #labels do
      local before = clean.clean_prob[i] > threshold
      assert.equal(before, result.iterations[i] == 0, i)
      if before then
        assert.equal(0, result.linf[i])
        assert.equal(0, net.far(result.adversary:select(1, i), x:select(1, i)))
      end
      local p = result.history[i].p
      for k = 1, #p - 1 do assert.is_true(p[k] <= threshold) end
    end
    assert.is_true(result.iterations[2] > 0) -- equal is not above
  end)

  it("untargeted attacks may rest when fooled", function()
    local stop = attacks.pgd { eps = 0.1, steps = 20, random_start = false, stop = true }(
      net.model(), x, labels)
    local all = attacks.pgd { eps = 0.1, steps = 20, random_start = false }(net.model(), x, labels)
    for i = 1, #labels do
      assert.equal(20, all.iterations[i])
      if stop.success[i] and stop.iterations[i] < 20 then
        local history = stop.history[i].linf
        assert.equal(stop.iterations[i] + 1, #history)
      end
    end
    assert.is_true(stop.iterations[1] < 20)
  end)
end)

describe("a batch", function()
  it("of fifty gives what fifty batches of one give, to 1e-6", function()
    local model = net.model()
    local images, classes = grid(5)
    local attack = attacks.targeted_adam { max_iter = 30, lr = 5e-3, prob_threshold = 0.9 }
    local together = attack(model, images, classes)
    local worst, finished = 0, 0
    for i = 1, 50 do
      local one = attack(model, images:narrow(1, i, 1), { classes[i] })
      worst = math.max(worst, net.far(one.adversary, together.adversary:narrow(1, i, 1)))
      assert.equal(one.iterations[1], together.iterations[i])
      if one.iterations[1] < 30 then finished = finished + 1 end
    end
    assert.is_true(worst < 1e-6, tostring(worst))
    assert.is_true(finished > 10 and finished < 50, finished) -- the batch shrank on the way
  end)

  it("may be cut anywhere", function()
    local images, classes = grid(2)
    local attack = attacks.targeted_adam { max_iter = 12, lr = 5e-3 }
    local whole, cut = attack(net.model(), images, classes),
      attack(net.model(), images, classes, { batch_size = 7 })
    assert.is_true(net.far(whole.adversary, cut.adversary) < 1e-6)
    assert.same(whole.iterations, cut.iterations)
    assert.equal(20, #cut.prob_8bit)
  end)
end)

describe("the model", function()
  it("is the same bit for bit, in training mode and with its gradients, as before", function()
    local model = net.model():train()
    model.body[1]:eval()
    local before = net.bytes(model)
    local weight = model.body[5].weight
    weight:set_grad(core.full_like(weight, 3))
    for _, attack in ipairs { attacks.targeted_adam { max_iter = 3 }, attacks.fgsm {},
      attacks.pgd { steps = 2 }, attacks.cw { steps = 3, search_steps = 2 } } do
      attack(model, x, targets)
    end
    assert.is_true(before == net.bytes(model))
    assert.is_true(model.training)
    assert.is_false(model.body[1].training)
    assert.is_true(model.body[2].training)
    assert.is_true(weight.requires_grad)
    assert.equal(0, net.far(weight.grad, core.full_like(weight, 3)))
    local trained = attacks.targeted_adam { max_iter = 3 }(model, x, targets).adversary
    assert.equal(0, net.far(trained,
      attacks.targeted_adam { max_iter = 3 }(net.model():eval(), x, targets).adversary))
  end)

  it("is restored after an error", function()
    local model = net.model():train()
    assert.has_error(function()
      attacks.targeted_adam {}(model, core.zeros { 2, 4, 12, 12 }, { 0, 1 })
    end)
    assert.is_true(model.training and model.body[1].weight.requires_grad)
  end)

  it("keeps nothing of an attack", function()
    local model, images, classes = net.model(), grid(2)
    local attack = attacks.targeted_adam { max_iter = 5 }
    local function once()
      attack(model, images, classes).adversary:free()
      collectgarbage()
      collectgarbage()
      return core.device.memory().live
    end
    once()
    assert.equal(once(), once())
  end)
end)

describe("Carlini and Wagner", function()
  it("finds nearer adversaries than Adam on the pixels", function()
    local model = net.model()
    local near = attacks.cw { steps = 60, search_steps = 6, lr = 2e-2, c = 0.1 }(model, x, targets)
    local far = attacks.targeted_adam { max_iter = 100, lr = 5e-3 }(model, x, targets)
    for i = 1, #targets do
      assert.is_true(near.success[i], i)
      assert.equal(targets[i], near.predicted[i])
      assert.is_true(near.l2[i] < far.l2[i], i)
      assert.is_true(near.linf[i] <= 1)
    end
    assert.is_true(near.adversary:amin():item() >= 0 and near.adversary:amax():item() <= 1)
  end)
end)

describe("saturation", function()
  it("stalls the probability and not its logarithm", function()
    local model = net.model()
    local last = model.body[10]
    core.no_grad(function() -- logits twelve times as far apart
      last.weight:copy_(last.weight * 12)
      last.bias:copy_(last.bias * 12)
    end)
    local function moved(objective)
      local linf = attacks.targeted_adam { objective = objective, max_iter = 30 }(model, x,
        targets).linf
      local most = 0
      for _, v in ipairs(linf) do most = math.max(most, v) end
      return most
    end
    assert.is_true(moved "prob" < 1e-3)
    assert.is_true(moved "logprob" > 0.02)
  end)
end)

describe("mistakes", function()
  local function message(...)
    local ok, e = pcall(...)
    assert.is_false(ok)
    return tostring(e)
  end

  it("are told in words", function()
    assert.matches("no objective 'logprb' (did you mean 'logprob'?)",
      message(attacks.targeted_adam, { objective = "logprb" }), 1, true)
    assert.matches("unknown option 'max_iters' (did you mean 'max_iter'?)",
      message(attacks.targeted_adam, { max_iters = 3 }), 1, true)
    assert.matches("max_iter is a whole number from 0, got -1",
      message(attacks.targeted_adam, { max_iter = -1 }), 1, true)
    assert.matches("lr is above 0", message(attacks.targeted_adam, { lr = 0 }), 1, true)
    assert.matches("space 'norm' needs attacks.Normalized",
      message(attacks.targeted_adam { space = "norm" }, net.body(), x, targets), 1, true)
    assert.matches("want a class for each of 6 images, got 2",
      message(attacks.fgsm {}, net.model(), x, { 1, 2 }), 1, true)
  end)

  it("in the name of a class have a suggestion", function()
    local class_of = attacks.class_of
    assert.equal(5, class_of "dog")
    assert.equal(5, class_of "do")
    assert.equal(9, class_of "9")
    assert.equal("--source-class: no class 'dgo'. Did you mean 'dog'? Classes: airplane automobile "
      .. "bird cat deer dog frog horse ship truck", message(class_of, "dgo", nil, "--source-class"))
    assert.matches("'a' may be airplane or automobile", message(class_of, "a"), 1, true)
    assert.matches("no class 10", message(class_of, 10), 1, true)
  end)
end)

describe("bf16-mixed", function()
  local function model(precision)
    return attacks.Normalized { net.body(), mean = net.mean, std = net.std, precision = precision }
  end

  it("computes the network in bfloat16 and hands on float32", function()
    local half, full = model "bf16", model "f32"
    local seen
    half.body[1]:register_forward_hook(function(_, _, y) seen = y.dtype end)
    half:set_training(false)
    full:set_training(false)
    local a, b = half(x), full(x)
    assert.equal("bfloat16", seen)
    assert.equal("float32", a.dtype)
    local off = (a - b):norm():item() / b:norm():item()
    assert.is_true(off > 0 and off < 1e-2, off)
  end)

  it("is that of its surroundings unless one is given", function()
    local half = core.autocast("bf16", model "f32", x)
    assert.equal(0, net.far(half, model "f32"(x)))
    assert.equal("bfloat16", core.autocast("bf16", model(nil), x).dtype)
  end)

  for _, space in ipairs { "pixel", "norm" } do
    it("attacks as float32 does within its rounding, in the space " .. space, function()
      local types = {}
      local function run(precision)
        local victim = model(precision)
        victim.body[1]:register_forward_hook(function(_, _, y) types[y.dtype] = precision end)
        return attacks.targeted_adam { lr = 5e-3, max_iter = 30, space = space }(victim, x, targets)
      end
      local half, full = run "bf16", run "f32"
      assert.same({ bfloat16 = "bf16", float32 = "f32" }, types)
      for i = 1, #targets do
        assert.is_true(math.abs(half.prob[i] - full.prob[i]) < 0.05, i)
        assert.equal(full.success[i], half.success[i])
      end
      assert.is_true(net.far(half.adversary, full.adversary) > 0)
    end)
  end
end)
