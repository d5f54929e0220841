-- Versions of the parts and what the CPU offers, for --version, the banner and the doctor.
local core = require "vgg.core"

local versions = {}

-- "LuaJIT 2.1.0-beta3 (GC64)"
function versions.luajit()
  return ("%s (%s)"):format(jit.version, require("ffi").abi("gc64") and "GC64" or "no GC64")
end

-- "cpu x2, avx2", and what computes there: "oneDNN 2.6.3"
function versions.cpu()
  local cpu, library = core.device.describe():match("^(.-), (oneDNN [%d.]+)$")
  return cpu or core.device.describe(), library
end

-- Several lines.
function versions.text()
  local cpu, library = versions.cpu()
  local lines = { "vgglua " .. core.version, versions.luajit(), library or "", cpu }
  return table.concat(lines, "\n")
end

return versions
