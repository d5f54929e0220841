-- grid { attack =, session = }: every victim against every class at once. The result of the attack
-- with, by row, sample, source and target; clean (N x C x H x W); session and attack.
local core = require "vgg.core"
local Progress = require "vgg.attacks.progress"

return function(o)
  local s, attack = o.session, o.attack
  local victims, classes = s.victims, #s.classes
  local index, targets, samples = {}, {}, {}
  for i = 1, #victims.positions do
    for class = 0, classes - 1 do
      local k = #index + 1
      index[k], targets[k], samples[k] = i - 1, class, i
    end
  end
  local images = victims.images:index_select(1, core.tensor(index, "int64")):keep()
  if s.opt.device ~= "cpu" then images = images:to(s.opt.device):keep() end
  local progress = Progress { what = "attack" }
  local started = core.clock()
  local out = attack(s.model, images, targets, { partial = true,
    on_step = function(step) progress:step(step) end })
  progress:clear()
  out.seconds = core.clock() - started
  out.clean, out.adversary = images:cpu():keep(), out.adversary:cpu():keep()
  out.session, out.attack, out.samples = s, attack, samples
  out.targets, out.source = targets, s.class
  return out
end
