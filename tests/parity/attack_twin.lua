-- One side of the comparison with a PyTorch twin: attacks random (image, target) pairs with a
-- trained network and writes images, targets and results for attack_twin.py.
--   vgglua tests/parity/attack_twin.lua --ckpt-path runs/x --data-root data --out twin.safetensors
local vgg = require "vgg"
local core, attacks = vgg.core, vgg.attacks

local opt = vgg.cli {
  "Attacks random pairs of an image and another class, for tests/parity/attack_twin.py.",
  { "ckpt_path", nil, "checkpoint or run" },
  { "data_root", "./data", "directory with CIFAR-10" },
  { "out", "twin.safetensors", "file to write" },
  { "pairs", 200, "pairs of an image and a target", type = "int", min = 1 },
  { "max_iter", 40, "most steps", type = "int", min = 0 },
  { "lr", 2.5e-3, "step of Adam" },
  { "prob_threshold", 0.99, "a sample is done above this" },
  { "objective", "logprob", "what grows" },
  { "space", "pixel", "what Adam moves" },
  { "clamp", true, "keep pixels within 0..1" },
  { "seed", 7, "draws the pairs", type = "int" },
}

local model, _, place = attacks.load(opt.ckpt_path)
core.manual_seed(opt.seed)
local set = vgg.data.cifar10 { root = opt.data_root, split = "test" }
local order, shift = core.randperm(#set):totable(), core.randint(1, 10, { opt.pairs }):totable()
local images, targets = {}, {}
for i = 1, opt.pairs do
  images[i] = set:pixels(order[i] + 1)
  targets[i] = (set:label(order[i] + 1) + shift[i]) % 10
end
images = core.stack(images, 1):float() / 255
local attack = attacks.targeted_adam { lr = opt.lr, max_iter = opt.max_iter,
  prob_threshold = opt.prob_threshold, objective = opt.objective, space = opt.space,
  clamp = opt.clamp }
local started = core.clock()
local progress = require "vgg.attacks.progress" { what = "pairs" }
local result = attack(model, images, targets, { batch_size = 50,
  on_step = function(s) progress:step(s) end })
progress:clear()
print(("%s: %d pairs in %.1f s"):format(tostring(attack), opt.pairs, core.clock() - started))
assert(vgg.checkpoint.save(opt.out, {
  tensors = {
    images = images, targets = core.tensor(targets, "int64"), adversary = result.adversary,
    prob = core.tensor(result.prob), steps = core.tensor(result.iterations, "int64"),
    l2 = core.tensor(result.l2), predicted = core.tensor(result.predicted, "int64"),
  },
  meta = { lr = opt.lr, max_iter = opt.max_iter, prob_threshold = opt.prob_threshold,
    objective = opt.objective, space = opt.space, clamp = opt.clamp, checkpoint = place.path },
}))
