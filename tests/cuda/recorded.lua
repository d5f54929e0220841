-- Steps of a small net, recorded or one by one, with what people do between and inside of them:
-- recorded.lua DEVICE PRECISION SCENARIO true|false (recorded). Prints what they came to, or,
-- without arguments, the names of the scenarios.
local scenarios = { "plain", "unclipped", "sgd", "changed", "inside", "frozen", "read", "moments",
  "rate", "two", "mixed", "turned", "loaded", "twice", "flat", "dropped" }
if not arg[1] then
  print(table.concat(scenarios, " "))
  return
end
local vgg = require "vgg"
local core, nn = vgg.core, vgg.nn
local device, precision, scenario, record = arg[1], arg[2], arg[3], arg[4] == "true"
local autocast = require("vgg.train.precision").check(precision, device, true)

core.manual_seed(11)
local first, second, last = nn.Conv2d { 8, 16, kernel = 3, pad = 1 },
  nn.Conv2d { 16, 8, kernel = 1, bias = false }, nn.Linear { 128, 4 }
local body = nn.Sequential { first, nn.BatchNorm2d { 16 }, nn.ReLU {}, second, nn.Flatten {} }
local model = nn.Sequential { body, last }
model:to(device)
if scenario == "turned" or scenario == "loaded" then
  model:to { memory_format = "channels_last" }
end
local other -- its gradient is not wanted, and its memory is the next one's to have
if scenario == "dropped" then other = nn.Linear { 128, 140, bias = false }:to(device) end
local flat -- one buffer for two parameters
if scenario == "flat" then
  flat = core.empty({ 516 }, "float32", "cpu"):uniform_(-0.1, 0.1):to(device):keep()
  last.weight = flat:narrow(1, 1, 512):reshape(4, 128):detach():requires_grad_():keep()
  last.bias = flat:narrow(1, 513, 4):detach():requires_grad_():keep()
end
if scenario == "frozen" then first.weight:requires_grad_(false) end
local optimizer = scenario == "sgd" and vgg.optim.SGD { model, lr = 0.01, momentum = 0.9 }
  or vgg.optim.Adam {
    { body, lr = 1e-3 }, { { "last.weight", last.weight }, { "last.bias", last.bias }, lr = 2e-3 } }
local loss_of = nn.CrossEntropyLoss {}
local parameters = model:parameters()
local clipped = scenario ~= "unclipped"

local function batch(n)
  return { x = core.empty({ n, 8, 4, 4 }, "float32", "cpu"):normal_(0, 1):to(device):keep(),
    y = core.tensor({ 0, 1, 2, 3, 1 }, "int64"):narrow(1, 1, n):clone():to(device):keep() }
end
local batches = { batch(5), batch(3) }

local function whole(b, recording)
  local loss = loss_of(core.autocast(autocast, function() return model(b.x) end), b.y)
  if other then
    other(b.x:flatten(2)):mean():backward()
    other.weight:set_grad(nil)
  end
  if flat then loss = loss + flat:detach():abs():sum() * 0.01 end
  if recording then recording:watch(loss) end
  loss:backward()
  if clipped then
    local _, squares = core.optim.grad_norm_tensor(parameters)
    optimizer:step { squares = squares, max_norm = 0.5 }
  else
    optimizer:step()
  end
  if scenario == "twice" then optimizer:step() end
  if scenario == "inside" then core.no_grad(last.weight.clamp_, last.weight, -0.05, 0.05) end
  return loss
end

local function plain(b)
  return core.scope(function()
    optimizer:zero_grad()
    local loss = whole(b):item()
    optimizer:zero_grad()
    return loss
  end)
end

local function launched(b)
  if b.recording then
    b.recording:refill(true)
    for _ = 1, scenario == "twice" and 2 or 1 do optimizer:step() end
    b.recording:refill(false)
  else
    optimizer:zero_grad()
    b.recording = core.replay.begin(device)
    core.scope(whole, b, b.recording)
    b.recording:finish(parameters)
  end
  return b.recording:launch()
end

local function sums()
  return core.scope(function()
    local all = {}
    for _, p in ipairs(parameters) do
      all[#all + 1] = ("%.9g"):format(p:detach():to("cpu"):abs():sum():item())
    end
    return table.concat(all, " ")
  end)
end

local between = {
  changed = function(k)
    if k % 3 > 0 then return end
    core.no_grad(function()
      first.weight:mul_(0.9)
      last.weight:add_(0.01)
    end)
  end,
  frozen = function(k) if k == 6 then core.no_grad(first.weight.mul_, first.weight, 0.5) end end,
  read = function(k) print(k, sums()) end,
  moments = function(k)
    if k % 4 == 0 then optimizer.param_groups[2].state.exp_avg[1]:mul_(0.5) end
  end,
  loaded = function(k) if k == 4 then optimizer:load_state_dict(optimizer:state_dict()) end end,
  exchanged = function(k) if k == 7 then optimizer:load_state_dict(optimizer:state_dict()) end end,
  unordered = function(k)
    if k == 4 then model:to { memory_format = "channels_last" } end
  end,
  rate = function(k) optimizer.param_groups[2].lr = 1e-3 * k end,
}

for k = 1, 10 do
  if between[scenario] then core.scope(between[scenario], k) end
  local b = batches[scenario == "two" and 1 + k % 2 or 1]
  local eager = k <= 3 or scenario == "mixed" and k % 4 == 0
  if eager or not record then
    print(k, plain(b))
  else
    local number = launched(b)
    print(k, (b.recording:read(number)))
  end
end
print(sums())
for _, b in ipairs(batches) do if b.recording then b.recording:free() end end
print(sums())
