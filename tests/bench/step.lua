-- vgglua's side of tests/bench/step.py: one whole training step for each line read, in "f32" or
-- "bf16"; "eval": a batch of validation.
local json = require "cjson"
local vgg = require "vgg"

local folder, batch, precision, what = arg[1], tonumber(arg[2]), arg[3] or "f32", arg[4]
vgg.manual_seed(1)
local module = vgg.data.CIFAR10DataModule { data_dir = folder, batch_size = batch, seed = 42 }
module:setup "fit"
local loader = module:train_dataloader()
local model = vgg.models.vgg16_bn {}
model:train()
local optimizer = vgg.optim.Adam { model, lr = 1e-4 }
local loss_of = vgg.nn.CrossEntropyLoss {}
local parameters = model:parameters()

local position = 0
local function step()
  position = position % (#loader - 1) + 1
  local x, y = loader:get(position, 1)
  optimizer:zero_grad()
  local loss = loss_of(vgg.autocast(precision, model, x), y)
  loss:backward()
  local norm = vgg.optim.grad_norm(parameters)
  optimizer:step { grad_scale = math.min(1, 1 / (norm + 1e-6)) }
  return loss:item()
end

if what == "eval" then
  loader = module:val_dataloader()
  model:eval()
  step = function()
    position = position % (#loader - 1) + 1
    return vgg.no_grad(function()
      local x, y = loader:get(position, 1)
      return loss_of(vgg.autocast(precision, model, x), y):item()
    end)
  end
end

io.stdout:setvbuf "line"
print "ready"
for _ in io.lines() do
  local begin = vgg.core.clock()
  local loss = vgg.scope(step)
  print(json.encode { ms = 1e3 * (vgg.core.clock() - begin), loss = loss })
end
