-- Where an attack moves: in pixels, in the network's normalised inputs, or (Carlini and Wagner) in
-- a variable that any number of steps keeps inside the pixel range. A space has
--   encode(pixels) -> variable, decode(variable) -> pixels (differentiable), logits(variable),
--   clip(variable): back into the pixel range, in place.
local util = require "vgg.util"

local spaces = {}

function spaces.pixel(model, clamp)
  return {
    encode = function(x) return x:clone() end,
    decode = function(v) return v end,
    logits = function(v) return model(v) end,
    clip = function(v) if clamp then v:clamp_(0, 1) end end,
  }
end

function spaces.norm(model, clamp)
  if model.__name ~= "Normalized" then
    util.fail("usage", "attack: space 'norm' needs attacks.Normalized { model, mean =, std = }")
  end
  local low, high = model:encode(model.mean * 0), model:encode(model.mean * 0 + 1)
  return {
    encode = function(x) return model:encode(x) end,
    decode = function(v) return model:decode(v) end,
    logits = function(v) return model:logits(v) end,
    clip = function(v) if clamp then v:copy_(v:maximum(low):minimum(high)) end end,
  }
end

-- pixels = (tanh(variable) + 1) / 2
function spaces.tanh(model)
  local function decode(v) return (v:tanh() + 1) * 0.5 end
  return {
    encode = function(x)
      local y = (x * 2 - 1) * (1 - 1e-6)
      return ((y + 1) / (1 - y)):log() * 0.5
    end,
    decode = decode,
    logits = function(v) return model(decode(v)) end,
    clip = function() end,
  }
end

return spaces
