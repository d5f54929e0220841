-- vgglua's side of tests/bench/attack.py: some steps of an attack on a batch for each line read,
-- in "f32" or "bf16".
local json = require "cjson"
local vgg = require "vgg"
local attacks, core = vgg.attacks, vgg.core

local rows, steps = tonumber(arg[1]), tonumber(arg[2])
core.manual_seed(1)
local model = attacks.Normalized { vgg.models.vgg16_bn {}, mean = { 0.4914, 0.4822, 0.4465 },
  std = { 0.2470, 0.2435, 0.2616 }, precision = arg[3] }
local images, classes = core.rand { rows, 3, 32, 32 }, {}
for i = 1, rows do classes[i] = (i - 1) % 10 end
local attack = attacks.targeted_adam { max_iter = steps + 1, prob_threshold = 2 }

io.stdout:setvbuf "line"
print "ready"
for _ in io.lines() do
  local first, last
  attack(model, images, classes, { on_step = function(s)
    if s.iteration == 0 then first = core.clock() end
    if s.iteration == steps then last = core.clock() end
  end }).adversary:free()
  print(json.encode { ms = 1e3 * (last - first) / steps })
end
