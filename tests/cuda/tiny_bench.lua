-- The benchmark's program with a net small enough for the emulated GPU in the place of VGG-16;
-- arguments: cuda 2 bf16-mixed tiny.
local vgg = require "vgg"
local nn = vgg.nn

vgg.models.register("tiny", { options = {}, build = function()
  return nn.Sequential {
    nn.Conv2d { 3, 8, kernel = 3, pad = 1 }, nn.BatchNorm2d { 8 }, nn.ReLU {}, nn.MaxPool2d { 4 },
    nn.Flatten {}, nn.Linear { 8 * 8 * 8, 10 },
  }
end })
dofile "tests/bench/gpu_step.lua"
