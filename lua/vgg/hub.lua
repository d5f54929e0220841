-- Pretrained weights on disk, in PyTorch's cache layout: hub.fetch "vgg16_bn" gives the path of a
-- checked file, from a cache that holds it or, when none does, by download.
local core = require "vgg.core"
local known = require "vgg.hub.known"
local places = require "vgg.hub.places"
local util = require "vgg.util"

local hub = { known = known.list, set_dir = places.set_dir, get_dir = places.get_dir }

-- Takes --torch-cache-dir of a parsed command line; TORCH_HOME stands before the flag's default.
function hub.use(opt)
  local from = require("vgg.cli").source(opt, "torch_cache_dir")
  if from ~= "environment TORCH_HOME" then places.set_dir(opt.torch_cache_dir) end
end

-- Whether a file's sha256 begins as wanted; says so when not. Files without a known sum pass.
local function is_whole(path, want)
  if not want then return true end
  local sum, why = core.io.sha256(path)
  if sum and sum:sub(1, #want) == want then return true end
  util.log("warn", "weights: %s is not used: %s", path,
    sum and ("its sha256 begins %s, expected %s"):format(sum:sub(1, 8), want) or why)
  return false
end

-- The file of `what` (a name of hub.known or a URL) where one lies, its sum not looked at, or nil.
function hub.locate(what)
  local entry = known.find(what)
  for _, path in ipairs(places.candidates(entry)) do
    if core.fs.exists(path) then return path end
  end
  return places.alternative(entry)
end

-- The file of `what` (a name of hub.known or a URL) in a cache, its sum checked, or nil. Nothing is
-- downloaded.
function hub.find(what)
  local entry = known.find(what)
  for _, path in ipairs(places.candidates(entry)) do
    local stat = core.fs.stat(path)
    if stat and stat.type == "file" and is_whole(path, entry.sha256) then return path end
  end
  return places.alternative(entry)
end

-- What helps who has no network: where to get the file and where to put it.
local function advice(entry, why)
  if not why:find("put the file in", 1, true) then return "" end
  return ("\nIts home: %s\nLooked for at: %s"):format(entry.url,
    table.concat(places.candidates(entry), ", "))
end

local fetch_known = { url = true, progress = true, timeout = true, retries = true, backoff = true }

-- fetch(what [, { url = mirror, progress = true | function(done, total), timeout =, retries =,
-- backoff = }]): the path of the file, and true when it had to be downloaded. Raises what stops it.
function hub.fetch(what, options)
  local o = options or {}
  util.check_options("hub.fetch", o, fetch_known, 2)
  local entry = known.find(what)
  local path = hub.find(what)
  if path then return path, false end
  path = places.target(entry)
  local progress, close = o.progress, nil
  if progress == true then progress, close = require "vgg.data.progress"(entry.file) end
  local ended, ok, why = pcall(core.io.download, {
    url = known.mirror(entry, o.url), path = path, sha256 = entry.sha256, what = "weights",
    progress = progress or nil, timeout = o.timeout, retries = o.retries, backoff = o.backoff,
  })
  if close then close() end
  if not ended then error(ok, 0) end
  if not ok then util.fail("data", "%s%s", why, advice(entry, why)) end
  return path, true
end

-- The tensors of a file by name, fetched first where needed: model:load_state_dict(...).
function hub.load_state_dict(what, options)
  local path = hub.fetch(what, options)
  local file, why = require("vgg.checkpoint").load(path)
  if not file then util.fail("data", "%s", why) end
  return file.tensors
end

return hub
