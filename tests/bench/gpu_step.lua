-- vgglua's side of tests/bench/gpu_step.py: training steps of VGG-16-BN on a GPU, recorded once and
-- replayed. Arguments: device, batch, precision (32, tf32 or bf16-mixed), another model of
-- vgg.models. Each line read is a number of steps to time.
local json = require "cjson"
local vgg = require "vgg"
local core = vgg.core

local device, batch, precision = arg[1], tonumber(arg[2]), arg[3] or "bf16-mixed"
local replay = core.replay.possible(device) and os.getenv "VGG_REPLAY" ~= "0"
local autocast = require("vgg.train.precision").check(precision, device, true)

vgg.manual_seed(1)
local model = vgg.models[arg[4] or "vgg16_bn"] {}
model:train()
model:to { device = device, memory_format = "channels_last" }
local optimizer = vgg.optim.Adam { model, lr = 1e-4 }
local loss_of = vgg.nn.CrossEntropyLoss {}
local parameters = model:parameters()
local x = core.randn({ batch, 3, 32, 32 }):to(device):keep()
local labels = {}
for i = 1, batch do labels[i] = i % 10 end
local y = core.tensor(labels, "int64"):to(device):keep()

-- Forward, backward, and a step that clips by norm.
local function whole(recording)
  local loss = loss_of(core.autocast(autocast, function() return model(x) end), y)
  if recording then recording:watch(loss) end
  loss:backward()
  local _, squares = core.optim.grad_norm_tensor(parameters)
  optimizer:step { squares = squares, max_norm = 1 }
  return loss
end

local function plain()
  return core.scope(function()
    optimizer:zero_grad()
    return whole():item()
  end)
end

local recording
local function record()
  optimizer:zero_grad()
  recording = core.replay.begin(device)
  core.scope(whole, recording)
  recording:finish(parameters)
end

local function launch()
  recording:refill(true)
  optimizer:step()
  recording:refill(false)
  return recording:launch()
end

for _ = 1, 3 do plain() end
if replay then record() end

io.stdout:setvbuf "line"
print "ready"
for line in io.lines() do
  local steps, loss, last = tonumber(line), nil, nil
  core.device.synchronise(device)
  local begin = core.clock()
  for _ = 1, steps do
    if replay then last = launch() else loss = plain() end
  end
  if last then loss = recording:read(last) end
  core.device.synchronise(device)
  print(json.encode { ms = 1e3 * (core.clock() - begin) / steps, loss = loss,
    memory_mb = core.device.memory(device).peak / 2 ^ 20 })
end
if recording then recording:free() end
