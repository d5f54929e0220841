-- Attacks against what PyTorch does, stored by tests/parity/make_attack.py.
package.path = "tests/attacks/?.lua;" .. package.path
local attacks = require "vgg.attacks"
local net = require "net"

local stored = net.stored
local x, targets, labels = stored.images, stored.targets, stored.labels

describe("targeted_adam", function()
  local function run(options, steps)
    options.max_iter, options.prob_threshold = steps, 2
    return attacks.targeted_adam(options)(net.model(), x, targets).adversary
  end

  it("follows PyTorch's Adam for five steps to 1e-6", function()
    for k = 1, 5 do
      local far = net.far(run({}, k), stored["trace.logprob"]:select(1, k))
      assert.is_true(far <= 1e-6, ("step %d: %g"):format(k, far))
    end
  end)

  for name, options in pairs { prob = { objective = "prob" }, margin = { objective = "margin" },
    free = { clamp = false, lr = 2e-2 }, norm = { space = "norm", clamp = false } } do
    it("follows PyTorch with " .. name, function()
      local far = net.far(run(options, 5), stored["trace." .. name]:select(1, 1))
      assert.is_true(far <= 1e-3 * (options.lr or 1e-3), ("%g"):format(far))
    end)
  end

  it("leaves 0..1 only without clamp", function()
    local free = run({ clamp = false, lr = 2e-2 }, 5)
    assert.is_true(free:amin():item() < 0 or free:amax():item() > 1)
    local kept = run({ lr = 2e-2 }, 5)
    assert.is_true(kept:amin():item() >= 0 and kept:amax():item() <= 1)
  end)

  it("stops each sample where PyTorch's loop does", function()
    local result = attacks.targeted_adam { max_iter = 60, lr = 5e-3, prob_threshold = 0.95 }(
      net.model(), x, targets)
    assert.same(stored["full.steps"]:totable(), result.iterations)
    for i, p in ipairs(stored["full.prob"]:totable()) do
      assert.is_true(math.abs(p - result.prob[i]) < 2e-4)
    end
    assert.is_true(net.far(result.adversary, stored["full.adversary"]) < 2e-4)
  end)
end)

describe("steps in a ball", function()
  for _, norm in ipairs { "linf", "l2" } do
    local size = norm == "linf" and { eps = 8 / 255, alpha = 2 / 255 }
      or { eps = 0.5, alpha = 0.125 }
    it("fgsm and pgd are PyTorch's, " .. norm, function()
      local model = net.model()
      local function far(attack, classes, name)
        local d = net.far(attack(model, x, classes).adversary, stored[name .. "." .. norm])
        assert.is_true(d <= (norm == "l2" and 4e-6 or 1e-6), ("%s %s: %g"):format(name, norm, d))
      end
      far(attacks.fgsm { eps = size.eps, norm = norm }, labels, "fgsm")
      local pgd = { eps = size.eps, alpha = size.alpha, steps = 7, norm = norm,
        random_start = false }
      far(attacks.pgd(pgd), labels, "pgd")
      pgd.targeted = true
      far(attacks.pgd(pgd), targets, "pgd_targeted")
    end)

    it("random starts stay in the ball and differ, " .. norm, function()
      local pgd = attacks.pgd { eps = size.eps, norm = norm, steps = 3 }
      local one, two = pgd(net.model(), x, labels), pgd(net.model(), x, labels)
      assert.is_true(net.far(one.adversary, two.adversary) > 0)
      for i = 1, #one[norm] do
        assert.is_true(one[norm][i] <= size.eps * (1 + 1e-5))
      end
      assert.is_true(one.adversary:amin():item() >= 0 and one.adversary:amax():item() <= 1)
    end)
  end
end)
