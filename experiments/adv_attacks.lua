-- Makes a trained network see images of one class as every other class, by Adam on the pixels: all
-- images and targets at once. Table, pictures and histories go to the run's directory.
local vgg = require "vgg"
local attacks = vgg.attacks

local opt = attacks.flags {
  "Attacks a trained network: images of one class are changed until it sees each class in them.",
  "Attack",
  { "lr", 1e-3, "step of Adam; pixels are 0..1", min = 0 },
  { "max_iter", 100, "most steps for an image", type = "int", min = 0 },
  { "prob_threshold", 0.99, "an image is done once p(target) is above this", min = 0, max = 1 },
  { "objective", "logprob", "what grows: log p(target), p(target), or the lead of its logit",
    choices = { "logprob", "prob", "margin" } },
  { "space", "pixel", "what Adam moves: pixels, or normalised inputs",
    choices = { "pixel", "norm" } },
  { "clamp", true, "keep pixels within 0..1" },
}

local session = attacks.session(opt)
local grid = attacks.grid {
  session = session,
  attack = attacks.targeted_adam {
    lr = opt.lr,
    max_iter = opt.max_iter,
    prob_threshold = opt.prob_threshold,
    objective = opt.objective,
    space = opt.space,
    clamp = opt.clamp,
  },
}
attacks.report(grid)
