-- Checkpoints: safetensors files with the model's tensors under their PyTorch names, those of the
-- optimizer under a prefix ("optimizer.0.exp_avg.features.0.weight"), and one JSON text for the
-- rest, "vgg.meta" (config, positions, random state). Python's safetensors.torch.load_file reads
-- them; take the keys without "optimizer.". A file is replaced only once the new one is on disk.
--
-- Read are these and, through the same functions, what PyTorch and Lightning write: .pth and .pt
-- (zip and legacy), .ckpt, .safetensors, and directories of Hugging Face's cache. Nothing in such a
-- file is run. Its weights are found wherever they lie, behind whatever prefix (layout.lua).
local core = require "vgg.core"
local fit = require "vgg.checkpoint.fit"
local json = require "vgg.json"
local layout = require "vgg.checkpoint.layout"
local place = require "vgg.checkpoint.place"
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
    local stat = place.is_weights(name) and core.fs.stat(at .. name)
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
  if message:find("is damaged", 1, true) then return message .. whole_neighbour(path) end
  if message:find("' is refused (only plain data is read)", 1, true) then
    return message .. ". A file of tensors alone can be read; in Python: "
      .. "torch.save(model.state_dict(), path)"
  end
  return message
end

-- The open file as { file =, path =, meta =, plain =, format = } with the fields of layout.of.
local function open(path, wanted)
  local found, why = place.find(path)
  if not found then return nil, why end
  if not core.fs.exists(found) then return nil, not_found(found) end
  local file, message = core.io.open(found)
  if not file then return nil, explain(found, message) end
  local meta, texts = meta_of(file), file:meta()
  if not meta then
    file:close()
    return nil, no_meta(found)
  end
  local plain = texts.torch and json.decode(texts.torch)
  local o
  if texts["vgg.meta"] and not texts.torch then -- our own names
    o = { kind = "checkpoint", prefix = "", entries = file:entries(), rest = {} }
    for _, e in ipairs(o.entries) do e.raw = e.name end
  else
    o = layout.of(file:entries(), plain, wanted)
  end
  o.file, o.path, o.format = file, found, file:format()
  o.meta, o.plain, o.texts = meta, plain, texts
  return o
end

-- contents = { tensors = { name = tensor }, meta = any JSON value }; options.remove names an older
-- file to delete once the new one is on disk, options.dtype what floating tensors are written as.
-- true, or nil, message with the old file kept.
function checkpoint.save(path, contents, options)
  util.check_options("checkpoint.save", contents, { tensors = 1, meta = 1 }, 2)
  local ok, message = core.io.save(path, contents.tensors or {},
    { format = "pt", ["vgg.meta"] = json.encode(contents.meta or {}) }, "checkpoint",
    options and options.dtype)
  if not ok then return nil, message end
  local old = options and options.remove
  if old and old ~= path then return core.fs.remove(old) end
  return true
end

-- What a file holds, without reading tensors: { path =, bytes =, format =, kind =, prefix =,
-- entries = { { name =, raw =, dtype =, shape =, bytes = } ... }, rest = (those that are not the
-- model's), meta =, plain =, texts = }, or nil, message. wanted: tensors by name of the model that
-- the weights are for, where that is known.
function checkpoint.inspect(path, wanted)
  local o, message = open(path, wanted)
  if not o then return nil, message end
  o.file:close()
  o.file = nil
  o.bytes = core.fs.stat(o.path).size
  return o
end

local function wanted(name, options)
  local only, skip = options.only, options.skip
  if only and name:sub(1, #only) ~= only then return false end
  return not (skip and name:sub(1, #skip) == skip)
end

-- { tensors = { name = tensor on the CPU }, meta = , plain = }, every CRC checked. options.only and
-- options.skip: prefix of the names to read or to leave ("optimizer."); options.all: also what is
-- beside the model's weights, under the file's names; options.mmap: tensors stay in the file's
-- map, unchecked, where its layout allows. nil, message for a missing or damaged file.
function checkpoint.load(path, options)
  options = options or {}
  util.check_options("checkpoint.load", options, { only = 1, skip = 1, all = 1, mmap = 1 }, 2)
  local o, message = open(path)
  if not o then return nil, message end
  local result = { tensors = {}, meta = o.meta, plain = o.plain }
  local function read(e, name)
    if not wanted(name, options) then return true end
    local why
    result.tensors[name], why = o.file:load(e.raw, options.mmap)
    if not result.tensors[name] then return nil, explain(o.path, why) end
    return true
  end
  local ok, why = true, nil
  for _, e in ipairs(o.entries) do
    if ok then ok, why = read(e, e.name) end
  end
  for _, e in ipairs(options.all and o.rest or {}) do
    if ok then ok, why = read(e, e.raw) end
  end
  o.file:close()
  if not ok then return nil, why end
  return result
end

-- Whether every tensor of the file holds its CRC: true, or nil, message.
function checkpoint.verify(path)
  local o, message = open(path)
  if not o then return nil, message end
  local ok, why = o.file:verify()
  o.file:close()
  if not ok then return nil, explain(o.path, why) end
  return true
end

-- Copies a file's tensors into those of a model (or optimizer), all checked before the first is
-- written. options: see fit.check; strict = false copies what fits and leaves the rest alone.
-- Returns the file's meta and { missing =, unexpected =, differing = } (names), or nil, message.
function checkpoint.load_into(path, tensors, options)
  options = options or {}
  util.check_options("checkpoint.load_into", options, { model = 1, only = 1, strict = 1 }, 2)
  local o, message = open(path, not options.only and tensors or nil)
  if not o then return nil, message end
  local report, why = fit.check(o.entries, tensors, options)
  local raw = {}
  for _, e in ipairs(report and o.entries or {}) do
    if report and tensors[e.name] and not report.skip[e.name] then
      raw[e.name] = e.raw
      local ok
      ok, why = o.file:verify(e.raw)
      if not ok then report = nil end
    end
  end
  if not report then
    o.file:close()
    return nil, explain(o.path, why)
  end
  core.no_grad(function()
    for name, t in pairs(tensors) do
      if raw[name] then
        local _, reason = o.file:load_into(raw[name], t)
        why = why or reason
      elseif name:match "num_batches_tracked$" and not report.skip[name] then
        t:zero_() -- files from before this counter existed
      end
    end
  end)
  o.file:close()
  if why then return nil, explain(o.path, why) end
  report.skip = nil
  return o.meta, report
end

return checkpoint
