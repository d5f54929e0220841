-- Versions of the parts and what the CPU offers, for --version, the banner and the doctor.
local core = require "vgg.core"

local versions = {}

-- "LuaJIT 2.1.0-beta3 (GC64)"
function versions.luajit()
  return ("%s (%s)"):format(jit.version, require("ffi").abi("gc64") and "GC64" or "no GC64")
end

-- "cpu x2, avx2"
function versions.cpu() return core.device.describe() end

-- "2.6.3", nil where the binding does not tell.
function versions.onednn() return core.onednn_version end

-- Several lines.
function versions.text()
  local lines = { "vgglua " .. core.version, versions.luajit() }
  local dnn = versions.onednn()
  if dnn then lines[#lines + 1] = "oneDNN " .. dnn end
  lines[#lines + 1] = versions.cpu()
  return table.concat(lines, "\n")
end

return versions
