-- The emulated GPU (tests/cuda/shim) for specs that run whole programs on it.
local emulated = {}

local folder = os.getenv "VGGLUA_EMULATED"
local driver = os.getenv "VGGLUA_FAKE_DRIVER"
local plugin = folder and io.open(folder .. "/libvgglua_cuda.so", "rb")
if plugin then plugin:close() end

-- Whether its plugin was built.
emulated.there = plugin ~= nil

-- The environment of such a program, as text; `more` is added.
function emulated.environment(more)
  return ("VG_PLUGIN_PATH=%s LD_LIBRARY_PATH=%s VGG_CUDA_PLANS= VGG_CONV=heuristic %s"):format(
    folder, driver, more or "")
end

return emulated
