-- Which device `--device` means: "auto" is the GPU when there is one that can be used, else the
-- CPU, and says why, once.
local core = require "vgg.core"
local Module = require "vgg.module"
local util = require "vgg.util"

local device = {}

local told = false

-- "auto", "cpu", "cuda", "cuda:1" -> the name of an open device. A GPU that is asked for by name
-- and is not to be had raises.
function device.resolve(name)
  if name ~= "auto" then return core.device.open(name) end
  local ok, got = pcall(core.device.open, "cuda")
  if ok then return got end
  if not told then
    util.log("info", "device: auto is the CPU (%s)",
      (tostring(got):gsub("^device: cuda asked for, ", "")))
  end
  told = true
  return "cpu"
end

-- Everything of a model on a device, on a GPU with the channels of its weights innermost; a model
-- that is no module stays where it is.
function device.move(model, name)
  if type(model) == "table" and model.parameters and model.to then
    local p = model:parameters()[1]
    if type(p) ~= "userdata" then return end
    if p.device ~= name then model:to(name) end
    if name:match "^cuda" and model.to == Module.to then
      model:to { memory_format = "channels_last" }
    end
  end
end

return device
