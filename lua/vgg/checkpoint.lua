-- Checkpoints: safetensors files with the model's tensors under their PyTorch names, those of the
-- optimizer under a prefix ("optimizer.0.exp_avg.features.0.weight"), and one JSON text for the
-- rest, "vgg.meta" (config, positions, random state). Python's safetensors.torch.load_file reads
-- them; take the keys without "optimizer.". A file is replaced only once the new one is on disk.
local core = require "vgg.core"
local fit = require "vgg.checkpoint.fit"
local json = require "vgg.json"
local util = require "vgg.util"

local checkpoint = { extension = ".safetensors" }

local function split(path)
  local dir, name = path:match("^(.*/)([^/]*)$")
  return dir or "", name or path
end

local function ago(seconds)
  if seconds < 60 then return "now" end
  if seconds < 3600 then return ("%d min ago"):format(seconds / 60) end
  if seconds < 48 * 3600 then return ("%d h ago"):format(seconds / 3600) end
  return ("%d days ago"):format(seconds / 86400)
end

-- Checkpoints of a directory, newest first: { { path =, name =, mtime = } ... }.
function checkpoint.list(dir)
  local found = {}
  local at = (dir == "" or dir:sub(-1) == "/") and dir or dir .. "/"
  for _, name in ipairs(core.fs.list(at == "" and "." or at) or {}) do
    local ours = name:sub(-#checkpoint.extension) == checkpoint.extension
    local stat = ours and core.fs.stat(at .. name)
    if stat and stat.type == "file" then
      found[#found + 1] = { path = at .. name, name = name, mtime = stat.mtime }
    end
  end
  table.sort(found, function(a, b)
    if a.mtime ~= b.mtime then return a.mtime > b.mtime end
    return a.name < b.name
  end)
  return found
end

local function not_found(path)
  local dir = split(path)
  local there = {}
  for i, c in ipairs(checkpoint.list(dir)) do
    if i > 5 then break end
    there[i] = ("%s (%s)"):format(c.name, ago(os.time() - c.mtime))
  end
  local where = dir == "" and "this directory" or dir:gsub("(.)/$", "%1")
  local tail = #there > 0 and (" In %s: %s"):format(where, table.concat(there, ", ")) or
    (" No checkpoint is in %s"):format(where)
  return ("checkpoint: '%s' not found.%s"):format(path, tail)
end

local function epoch_of(meta)
  for _, part in ipairs { meta, meta.position or {}, meta.trainer or {} } do
    if type(part) == "table" and type(part.epoch) == "number" then return part.epoch end
  end
end

local function meta_of(file)
  local text = file:meta()["vgg.meta"]
  if not text then return {} end
  return json.decode(text)
end

local function no_meta(path)
  return ("checkpoint: '%s': its metadata is not JSON"):format(path)
end

-- What a neighbour of a damaged file offers: " last.safetensors (epoch 13) is whole".
local function whole_neighbour(path)
  local dir, name = split(path)
  for i, c in ipairs(checkpoint.list(dir)) do
    local file = c.name ~= name and i < 6 and core.io.open(c.path)
    if file then
      local meta = file:verify() and meta_of(file)
      file:close()
      local epoch = meta and epoch_of(meta)
      local words = epoch and (" (epoch %d)"):format(epoch) or ""
      if meta then return (". %s%s is whole"):format(c.name, words) end
    end
  end
  return ""
end

local function explain(path, message)
  return message:find("is damaged", 1, true) and message .. whole_neighbour(path) or message
end

local function open(path)
  if not core.fs.exists(path) then return nil, not_found(path) end
  local file, message = core.io.open(path)
  if not file then return nil, explain(path, message) end
  return file
end

-- contents = { tensors = { name = tensor }, meta = any JSON value }; options.remove names an older
-- file to delete once the new one is on disk. true, or nil, message with the old file kept.
function checkpoint.save(path, contents, options)
  util.check_options("checkpoint.save", contents, { tensors = 1, meta = 1 }, 2)
  local ok, message = core.io.save(path, contents.tensors or {},
    { format = "pt", ["vgg.meta"] = json.encode(contents.meta or {}) }, "checkpoint")
  if not ok then return nil, message end
  local old = options and options.remove
  if old and old ~= path then return core.fs.remove(old) end
  return true
end

-- { path =, bytes =, entries = { { name =, dtype =, shape =, bytes = } ... }, meta = } without
-- reading tensors, or nil, message.
function checkpoint.inspect(path)
  local file, message = open(path)
  if not file then return nil, message end
  local entries, meta = file:entries(), meta_of(file)
  file:close()
  if not meta then return nil, no_meta(path) end
  return { path = path, bytes = core.fs.stat(path).size, entries = entries, meta = meta }
end

local function wanted(name, options)
  local only, skip = options.only, options.skip
  if only and name:sub(1, #only) ~= only then return false end
  return not (skip and name:sub(1, #skip) == skip)
end

-- { tensors = { name = tensor on the CPU }, meta = }, every CRC checked. options.only and
-- options.skip: prefix of the names to read or to leave ("optimizer."). nil, message for a missing
-- or damaged file.
function checkpoint.load(path, options)
  local file, message = open(path)
  if not file then return nil, message end
  local result = { tensors = {}, meta = meta_of(file) }
  if not result.meta then return nil, no_meta(path) end
  for _, e in ipairs(file:entries()) do
    if wanted(e.name, options or {}) then
      local t, why = file:load(e.name)
      if not t then return nil, explain(path, why) end
      result.tensors[e.name] = t
    end
  end
  file:close()
  return result
end

-- Whether every tensor of the file holds its CRC: true, or nil, message.
function checkpoint.verify(path)
  local file, message = open(path)
  if not file then return nil, message end
  local ok, why = file:verify()
  file:close()
  if not ok then return nil, explain(path, why) end
  return true
end

-- Copies a file's tensors into those of a model (or optimizer), all checked before the first is
-- written. options: see fit.check. Returns the file's meta, or nil, message.
function checkpoint.load_into(path, tensors, options)
  local file, message = open(path)
  if not file then return nil, message end
  local ok, why = fit.check(file:entries(), tensors, options)
  for _, name in ipairs(ok and util.keys(tensors) or {}) do
    if ok then ok, why = file:verify(name) end
  end
  if not ok then return nil, explain(path, why) end
  core.no_grad(function()
    for name, t in pairs(tensors) do assert(file:load_into(name, t)) end
  end)
  local meta = meta_of(file)
  file:close()
  if not meta then return nil, no_meta(path) end
  return meta
end

return checkpoint
