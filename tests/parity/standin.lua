-- Turns a checkpoint of vgg16_bn into a file shaped like torchvision's vgg16_bn-6c64b313.pth: the
-- form of before PyTorch 1.6, no num_batches_tracked, a head of 1,000 classes with random weights.
--   vgglua tests/parity/standin.lua runs/x standin.pth
local vgg = require "vgg"

local source, target = assert(arg[1], "want a run and a file"), assert(arg[2], "want a file")
vgg.manual_seed(0)
local body = vgg.load(source).features
local model = vgg.models.vgg16_bn { head = "imagenet", num_classes = 1000 }
model.features:load_state_dict((body:state_dict()))

local tensors, names = model:state_dict()
local kept = {}
for _, name in ipairs(names) do
  if name:find "num_batches_tracked$" then tensors[name] = nil else kept[#kept + 1] = name end
end
vgg.save(tensors, target, { legacy = true, names = kept })
print(("%s: %d tensors"):format(target, #kept))
