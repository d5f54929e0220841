-- Directories of PyTorch's and Hugging Face's caches.
local fs = require("vgg.core").fs

local places = {}
local chosen

local function set(name)
  local value = os.getenv(name)
  return value ~= "" and value or nil
end

local function home(path)
  return path:sub(1, 1) == "~" and set "HOME" and set "HOME" .. path:sub(2) or path
end
local function cache_home() return home(set "XDG_CACHE_HOME" or "~/.cache") end

-- As torch.hub.set_dir; nil goes back to what the environment says.
function places.set_dir(dir) chosen = dir and (dir:gsub("(.)/+$", "%1")) or nil end

-- As torch.hub.get_dir: what set_dir was told, else $TORCH_HOME/hub, else
-- $XDG_CACHE_HOME/torch/hub, else ~/.cache/torch/hub.
function places.get_dir()
  if chosen then return home(chosen) end
  return home(set "TORCH_HOME" or cache_home() .. "/torch") .. "/hub"
end

-- Where a download goes.
function places.target(entry) return places.get_dir() .. "/checkpoints/" .. entry.file end

local function hf_cache()
  return home(set "HF_HUB_CACHE" or set "HF_HOME" and set "HF_HOME" .. "/hub"
    or cache_home() .. "/huggingface/hub")
end

-- Directory of a repository in Hugging Face's cache.
function places.hugging_face(repository)
  return ("%s/models--%s"):format(hf_cache(), (repository:gsub("/", "--")))
end

-- Every path where a file may lie, the one of set_dir first.
function places.candidates(entry)
  local list, seen = {}, {}
  local function add(dir)
    local path = dir .. "/checkpoints/" .. entry.file
    if not seen[path] then list[#list + 1] = path end
    seen[path] = true
  end
  add(places.get_dir())
  if set "TORCH_HOME" then add(home(set "TORCH_HOME") .. "/hub") end
  if set "XDG_CACHE_HOME" then add(cache_home() .. "/torch/hub") end
  add(home "~/.cache/torch/hub")
  return list
end

-- The same weights as timm keeps them, where it does: checked by nobody but their reader.
function places.alternative(entry)
  local dir = entry.hf and places.hugging_face(entry.hf)
  return dir and fs.exists(dir) and require("vgg.checkpoint.place").find(dir) or nil
end

return places
