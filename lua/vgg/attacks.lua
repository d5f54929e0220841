-- Adversarial attacks: images changed a little so that a network sees another class.
--   local model, meta = attacks.load "runs/first"       -- takes pixels in 0..1, normalises inside
--   local attack = attacks.targeted_adam { lr = 1e-3 }    -- or fgsm, pgd, cw
--   local result = attack(model, images, targets)         -- N x 3 x H x W in 0..1, N classes
local attacks = {}

local from = {
  Attack = "attack", targeted_adam = "methods", fgsm = "methods", pgd = "methods", cw = "cw",
  Normalized = "normalized", load = "load", victims = "victims", class_of = "labels",
  best_class = "victims", grid = "grid", report = "report", flags = "flags", session = "flags",
  numbers = "flags", sheet = "sheet", robustness = "robustness",
}

return setmetatable(attacks, {
  __names = from,
  __index = function(self, name)
    local file = from[name]
    if not file then return nil end
    local part = require("vgg.attacks." .. file)
    local value = type(part) == "table" and part[name] or part
    rawset(self, name, value)
    return value
  end,
})
