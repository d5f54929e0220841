-- Times the input pipelines: vgglua tests/bench/augment.lua [batch size] [batches]. Compare with
-- tests/bench/augment.py, which does the same with albumentations and torchvision.
local vgg = require "vgg"

local size, batches = tonumber(arg[1]) or 128, tonumber(arg[2]) or 40
for _, name in ipairs { "none", "dlcv", "course" } do
  local loader = vgg.data.Loader {
    dataset = vgg.data.synthetic { train_images = size * batches, val_split = 0, augment = name },
    batch_size = size, shuffle = true,
  }
  local best = math.huge
  for epoch = 0, 4 do
    local start = vgg.core.clock()
    for _ in loader:iter { epoch = epoch } do end -- luacheck: ignore 542
    best = math.min(best, (vgg.core.clock() - start) / batches)
  end
  print(("%-8s %7.3f ms a batch of %d  %9.0f images/s"):format(name, best * 1e3, size, size / best))
end
