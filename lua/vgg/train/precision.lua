-- What `precision` means on a device: "32"; "tf32" (a GPU's products of f32 numbers rounded to 10
-- bits of mantissa); or "bf16-mixed" (convolutions and linear layers in bf16; weights, statistics,
-- loss and optimizer in f32).
local core = require "vgg.core"
local util = require "vgg.util"

local precision = {}

-- Fails unless the device can, and does it faster than f32 or `emulate` says that this is known.
-- Returns the precision for vgg.autocast.
function precision.check(name, device, emulate)
  core.device.set_tf32(name == "tf32")
  if name == "32" then return "f32" end
  if name == "tf32" then
    if device:match "^cuda" then return "f32" end
    util.fail("usage", "precision: tf32 is a format of GPUs, '%s' has none; use --precision 32",
      device)
  end
  if name ~= "bf16-mixed" then
    util.fail("usage", "precision: no '%s'. Known: 32, tf32, bf16-mixed", name)
  end
  local unit, why = core.device.bf16(device)
  if unit or (emulate and why == "emulated") then return "bf16" end
  if why == "emulated" then
    util.fail("usage", "precision: bf16-mixed needs a CPU with AMX-BF16 or AVX512-BF16, and this "
      .. "one has neither; use --precision 32, or --emulate-bf16 for the same numbers, slowly")
  end
  util.fail("usage", "precision: bf16-mixed needs a backend with bf16 convolutions, which '%s' is "
    .. "not; use --precision 32", device)
end

-- As the header says it.
function precision.words(name, device)
  if name ~= "bf16-mixed" then return name end
  return ("%s (%s)"):format(name, core.device.bf16(device) or "emulated")
end

return precision
