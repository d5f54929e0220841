-- Writes weights and logits for compare_logits.py: vgglua tests/parity/dump_logits.lua DIRECTORY
local vgg = require "vgg"

local dir = assert(arg[1], "want a directory")
vgg.manual_seed(1)

local function dump(name, model, x)
  for path, t in pairs((model:state_dict())) do -- statistics that are not 0 and 1
    if path:match "running_mean$" then t:copy_(vgg.randn(t.shape):mul(0.1)) end
    if path:match "running_var$" then t:copy_(vgg.rand(t.shape):add(0.5)) end
  end
  model:eval()
  local y = vgg.no_grad(function() return model(x) end)
  vgg.save(model, dir .. "/" .. name .. ".pth")
  vgg.save(model, dir .. "/" .. name .. ".safetensors")
  vgg.save(model, dir .. "/" .. name .. "_legacy.pth", { legacy = true })
  vgg.save({ x = x, y = y }, dir .. "/" .. name .. "_values.safetensors")
end

dump("imagenet", vgg.models.vgg16_bn { head = "imagenet", num_classes = 1000 },
  vgg.rand { 2, 3, 224, 224 })
dump("cifar", vgg.models.vgg16_bn {}, vgg.rand { 4, 3, 32, 32 })
