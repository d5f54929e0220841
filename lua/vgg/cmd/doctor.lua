-- `vgglua doctor`: what is installed, found and set, and where each value comes from.
local util = require "vgg.util"
local versions = require "vgg.versions"

local settings = {
  { "VGG_DATA", "directory of the data sets", "./data" },
  { "VGG_DEVICE", "device of the experiments", "auto" },
  { "VGG_THREADS", "compute threads", "all cores" },
  { "VGG_LUA_PATH", "directory that holds vgg/init.lua", "beside the library" },
  { "VGG_PLUGIN_PATH", "directory of the backend plugins", "beside the library" },
  { "TORCH_HOME", "cache of pretrained weights", "torch_cache; ~/.cache/torch is read too" },
  { "XDG_CACHE_HOME", "caches", "~/.cache" },
  { "XDG_STATE_HOME", "history of the prompt", "~/.local/state" },
  { "WANDB_MODE", "where W&B runs go", "offline" },
  { "NO_COLOR", "no colour when set", "colour on terminals" },
  { "OMP_NUM_THREADS", "threads of OpenMP", "all cores" },
}

local modules = { "cjson", "argparse", "busted" }

local function line(name, value, from)
  print(("  %-16s %-34s %s"):format(name, value, from or ""))
end

local function pretrained()
  local hub = require "vgg.hub"
  if (os.getenv "TORCH_HOME" or "") == "" then hub.set_dir "torch_cache" end
  for _, name in ipairs(util.keys(hub.known)) do
    local path = hub.locate(name)
    line(name, path or "not in a cache", not path and "vgglua fetch " .. name or "")
  end
end

return function(option)
  if option then
    if option ~= "--help" then util.fail("usage", "vgglua doctor: takes no options") end
    print("usage: vgglua doctor\n\nPrints versions, devices, paths and settings, and their origin.")
    return 0
  end
  print(versions.text())
  print("\nBackends")
  for row in (require("vgg.core").device.report() .. "\n"):gmatch("(.-)\n") do
    if row ~= "" then print("  " .. row) end
  end
  print("\nPaths")
  line("Lua files", debug.getinfo(1, "S").source:match("^@(.*)vgg/cmd/") or "?")
  line("history", (util.state_dir() or "none: no HOME") .. (util.state_dir() and "/history" or ""))
  print("\nPretrained weights")
  pretrained()
  print("\nSettings")
  for _, s in ipairs(settings) do
    local value = os.getenv(s[1])
    if value == "" then value = nil end
    line(s[1], value or s[3], (value and "environment" or "default") .. ", " .. s[2])
  end
  print("\nLua modules")
  for _, name in ipairs(modules) do
    local found = package.loaded[name] or package.preload[name]
    for path in package.path:gmatch("[^;]+") do
      found = found or util.exists((path:gsub("%?", name)))
    end
    for path in package.cpath:gmatch("[^;]+") do
      found = found or util.exists((path:gsub("%?", name)))
    end
    line(name, found and "found" or "not found")
  end
  return 0
end
