-- How much change a trained network withstands: the share of images it still gets right after FGSM
-- and PGD, over the largest change of a pixel. One picture and one table.
local vgg = require "vgg"
local attacks = vgg.attacks

local opt = attacks.flags {
  "Measures a network's accuracy under FGSM and PGD for growing changes of the pixels.",
  "Attack",
  { "source_class", "all", "class of the images: a name, a number, best, or all" },
  { "n_samples", 100, "images", type = "int", min = 1 },
  { "epsilons", { 0, 0.5, 1, 2, 4, 8 }, "largest changes of a pixel, in 1/255" },
  { "steps", 10, "steps of PGD", type = "int", min = 1 },
}

local epsilons = attacks.numbers("--epsilons", opt.epsilons, 1 / 255)

attacks.robustness {
  session = attacks.session(opt),
  epsilons = epsilons,
  attacks = {
    { name = "FGSM", make = function(eps) return attacks.fgsm { eps = eps } end },
    { name = ("PGD-%d"):format(opt.steps), make = function(eps)
      return attacks.pgd { eps = eps, steps = opt.steps, stop = true }
    end },
  },
}
