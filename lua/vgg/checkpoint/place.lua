-- The file that a path stands for: itself, or the weights inside a directory, which may be one of
-- Hugging Face's cache (models--owner--name with refs, snapshots and linked blobs).
local fs = require("vgg.core").fs

local place = {}

-- Endings of files with weights, best first.
place.extensions = { ".safetensors", ".ckpt", ".pth", ".pt", ".bin" }

-- Whether a name has such an ending.
function place.is_weights(name)
  for _, extension in ipairs(place.extensions) do
    if name:sub(-#extension) == extension then return true end
  end
  return false
end

local function is_directory(path)
  local s = fs.stat(path)
  return s ~= nil and s.type == "directory"
end

local function is_file(path)
  local s = fs.stat(path)
  return s ~= nil and s.type == "file"
end

local function first_line(path)
  local f = io.open(path, "rb")
  if not f then return nil end
  local line = f:read "*l"
  f:close()
  return line
end

-- The snapshot that refs/main names, else the newest one.
local function snapshot(dir)
  local commit = first_line(dir .. "/refs/main")
  if commit and is_directory(dir .. "/snapshots/" .. commit) then
    return dir .. "/snapshots/" .. commit
  end
  local best, newest
  for _, name in ipairs(fs.list(dir .. "/snapshots") or {}) do
    local s = fs.stat(dir .. "/snapshots/" .. name)
    if s and (not newest or s.mtime > newest) then best, newest = dir .. "/snapshots/" .. name,
      s.mtime end
  end
  return best
end

local preferred = {
  "best.safetensors", "last.safetensors", "model.safetensors", "open_clip_model.safetensors",
  "diffusion_pytorch_model.safetensors", "pytorch_model.bin",
}

local function only_weights(dir)
  for _, extension in ipairs(place.extensions) do
    local found
    for _, name in ipairs(fs.list(dir) or {}) do
      if name:sub(-#extension) == extension and is_file(dir .. "/" .. name) then
        if found then
          return nil, ("checkpoint: '%s' holds several files of weights (%s, %s, ...); name one")
            :format(dir, found, name)
        end
        found = name
      end
    end
    if found then return dir .. "/" .. found end
  end
end

local in_directory
function in_directory(dir)
  for _, name in ipairs(preferred) do
    if is_file(dir .. "/" .. name) then return dir .. "/" .. name end
  end
  for _, name in ipairs { "model.safetensors.index.json", "pytorch_model.bin.index.json" } do
    if is_file(dir .. "/" .. name) then
      return nil, ("checkpoint: '%s' is split into several files, which is not read; join them "
        .. "with Python's safetensors"):format(dir)
    end
  end
  local path, why = only_weights(dir)
  if path or why then return path, why end
  if is_directory(dir .. "/checkpoints") then return in_directory(dir .. "/checkpoints") end
  return nil, ("checkpoint: no weights in the directory '%s' (looked for %s)"):format(dir,
    table.concat(place.extensions, " "))
end

-- path, or nil and the message. A path that does not exist comes back as it is.
function place.find(path)
  if not is_directory(path) then return path end
  local dir = path:gsub("(.)/+$", "%1")
  if is_directory(dir .. "/snapshots") then
    local inside = snapshot(dir)
    if not inside then
      return nil, ("checkpoint: '%s' has no snapshot; the download was not finished"):format(dir)
    end
    dir = inside
  end
  return in_directory(dir)
end

return place
