-- Normalized { model, mean = { r, g, b }, std = { r, g, b } [, precision = "bf16"] }: a model that
-- takes pixels in 0..1 and hands (pixels - mean) / std to the one inside, `body`. With a precision
-- (of vgg.autocast) that one computes in it, and results are float32; else in its surroundings'.
local core = require "vgg.core"
local class = require "vgg.class"
local Module = require "vgg.module"
local calls = require "vgg.nn.calls"
local util = require "vgg.util"

local Normalized = class("Normalized", Module)

local function channels(value, what)
  if type(value) == "number" then value = { value } end
  if type(value) ~= "table" or #value == 0 then
    calls.mistake("Normalized: want %s, one number a channel", what)
  end
  return core.tensor(value):reshape(1, #value, 1, 1)
end

function Normalized:init(options)
  util.check_options("Normalized", options, { mean = true, std = true, precision = true }, 3)
  if not Module.is(options[1]) then calls.mistake "Normalized: want { model, mean =, std = }" end
  self.body, self.precision = options[1], options.precision or false
  self:register_buffer("mean", channels(options.mean, "mean"))
  self:register_buffer("std", channels(options.std, "std"))
end

-- Pixels in 0..1 to what the body takes, and back.
function Normalized:encode(x) return (x - self.mean) / self.std end
function Normalized:decode(v) return v * self.std + self.mean end

-- What the one inside says of its own inputs.
function Normalized:logits(v)
  if not self.precision then return self.body(v) end
  return core.autocast(self.precision, self.body, v):float()
end

function Normalized:forward(x) return self:logits(self:encode(x)) end

function Normalized:describe()
  local function list(t)
    local parts = {}
    for i, v in ipairs(t:flatten():totable()) do parts[i] = ("%.4g"):format(v) end
    return table.concat(parts, " ")
  end
  return "Normalized", ("mean %s, std %s"):format(list(self.mean), list(self.std))
end

return Normalized
