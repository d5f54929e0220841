-- The stored network and values of tests/parity/make_attack.py.
local checkpoint = require "vgg.checkpoint"
local core = require "vgg.core"
local attacks = require "vgg.attacks"
local nn = require "vgg.nn"

local net = { mean = { 0.4914, 0.4822, 0.4465 }, std = { 0.2470, 0.2435, 0.2616 } }

core.device.set_threads(1) -- the work is too small to share, and no value depends on the team

local stored = assert(checkpoint.load "tests/parity/attack/attack.safetensors").tensors
for _, tensor in pairs(stored) do tensor:keep() end
net.stored = stored

function net.body()
  local body = nn.Sequential {
    nn.Conv2d { 3, 16, kernel = 3, pad = 1 }, nn.BatchNorm2d { 16 }, nn.ReLU {}, nn.MaxPool2d { 2 },
    nn.Conv2d { 16, 16, kernel = 3, pad = 1 }, nn.BatchNorm2d { 16 }, nn.ReLU {},
    nn.MaxPool2d { 2 }, nn.Flatten {}, nn.Linear { 144, 10 },
  }
  local state = {}
  for name, tensor in pairs(stored) do
    local key = name:match "^net%.(.*)$"
    if key then state[key] = tensor end
  end
  body:load_state_dict(state)
  return body
end

function net.model()
  return attacks.Normalized { net.body(), mean = net.mean, std = net.std }
end

-- Largest difference of two tensors.
function net.far(a, b) return (a - b):abs():amax():item() end

-- Bytes of every parameter and buffer, as one string.
function net.bytes(model)
  local parts = {}
  local state, names = model:state_dict()
  for i, name in ipairs(names) do parts[i] = state[name]:tobytes() end
  return table.concat(parts)
end

return net
