-- One measured load of a file of weights: vgglua tests/bench/load.lua FILE state|mmap|model. Prints
-- milliseconds and the peak memory in MB. model: fills a torchvision vgg16_bn that exists.
local vgg = require "vgg"
local core = require "vgg.core"

local path, mode = arg[1], arg[2]
local model = mode == "model" and vgg.models.vgg16_bn { head = "imagenet", num_classes = 1000 }
local start = core.clock()
local kept = model and vgg.load(path, { model = model })
  or vgg.load_state(path, { mmap = mode == "mmap" })
local seconds = core.clock() - start
local peak
for line in io.lines "/proc/self/status" do peak = line:match "^VmHWM:%s+(%d+)" or peak end
assert(kept)
print(("%.1f %.0f"):format(seconds * 1000, peak * 1024 / 1e6))
