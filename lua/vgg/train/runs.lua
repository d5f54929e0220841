-- Run directories: runs/<name>/ with config.json, metrics.jsonl, clock.json and the checkpoints.
local fs = require("vgg.core").fs
local place = require "vgg.checkpoint.place"
local util = require "vgg.util"
local json = require "vgg.json"

local runs = {}

local Run = {}
Run.__index = Run

-- Name as a directory: no separators, no colons, no blanks, no leading dot.
function runs.safe(name)
  local s = name:gsub("[/\\:%s%c]+", "_"):gsub("^%.+", "")
  return s ~= "" and s or "run"
end

function runs.timestamp() return os.date "%Y-%m-%d_%H-%M-%S" end

local function must(ok, why)
  if not ok then util.fail("data", "%s", why) end
  return ok
end

-- Files a trainer leaves in a run's directory.
local function ours(file)
  return file:match "%.safetensors$" or file:match "^metrics%.jsonl" or
    file:match "^script%.%d+%.lua$" or file == "attach.sock" or
    file:match "^config%.json" or file:match "^clock%.json" or file:match "^summary%.json"
    or file:match "^tensorboard%.json" or file:match "^wandb%.json"
    or file:match "^curves%.[ps][nv]g$" or file:match "^confusion_matrix%.png$"
    or file:match "^samples%.png$" or file:match "^report%.html$"
    or file:match "^augmentation%.[ps][nv]g$"
end

-- Directories of loggers, with what they hold.
local nested = { media = "%.png$", tables = "%.json$" }

local function clear(dir)
  for _, file in ipairs(fs.list(dir)) do
    if ours(file) then must(fs.remove(dir .. "/" .. file)) end
  end
  for name, pattern in pairs(nested) do
    for _, file in ipairs(fs.list(dir .. "/" .. name) or {}) do
      if file:match(pattern) then must(fs.remove(dir .. "/" .. name .. "/" .. file)) end
    end
    fs.remove(dir .. "/" .. name)
  end
end

function Run:path(file) return self.dir .. "/" .. file end

function Run:read(file)
  local f = io.open(self:path(file), "rb")
  if not f then return nil end
  local text = f:read "*a"
  f:close()
  return json.decode(text)
end

-- Replaces a JSON file atomically.
function Run:write(file, value)
  must(fs.write(self:path(file), json.encode(value) .. "\n", file))
end

local function occupied(dir)
  for _, file in ipairs(fs.list(dir) or {}) do
    if ours(file) then return true end
  end
  return false
end

-- A handle on a directory, whether it exists or not.
function runs.at(dir) return setmetatable({ dir = dir, name = util.basename(dir) }, Run) end

-- A fresh directory for a new run. An existing run is an error unless `overwrite`, which removes
-- the files of the old one.
function runs.create(o)
  local name = runs.safe(o.name or runs.timestamp())
  local dir = o.root .. "/" .. name
  local n = 1
  while not o.name and occupied(dir) do
    n = n + 1
    dir = ("%s/%s-%d"):format(o.root, name, n)
  end
  if occupied(dir) then
    if not o.overwrite then
      util.fail("usage", "run: '%s' exists. Go on with --resume %s, start again with --overwrite, "
        .. "or take another --run-name", dir, util.basename(dir))
    end
    clear(dir)
  end
  must(fs.mkdir(dir))
  return runs.at(dir)
end

local function latest(root)
  local best, newest
  for _, name in ipairs(fs.list(root) or {}) do
    local s = fs.stat(root .. "/" .. name .. "/last.safetensors")
    if s and (not newest or s.mtime >= newest) then best, newest = root .. "/" .. name, s.mtime end
  end
  return best
end

-- No run of that name: the runs there are, or the nearest one.
local function no_run(what, root)
  local names = fs.list(root) or {}
  local near = util.suggest(what, names)
  util.fail("data", "checkpoint: no run '%s' in '%s'.%s", what, root,
    near and (" Did you mean '%s'?"):format(near) or #names > 0 and " Runs: " ..
    table.concat(names, " ", 1, math.min(#names, 10)) or " There is no run yet")
end

local function is_run(dir)
  return fs.exists(dir .. "/last.safetensors") or fs.exists(dir .. "/best.safetensors") or
    fs.exists(dir .. "/config.json") and fs.exists(dir .. "/metrics.jsonl")
end

-- The checkpoint file that a name stands for: a file, of PyTorch, too; a run's directory or name
-- ("last" in it is meant, or the file named by `prefer`); a directory that holds weights; "last"
-- for the run worked on last. It need not exist.
function runs.find(what, root, prefer)
  root, prefer = root or "runs", prefer or "last"
  local s = fs.stat(what)
  if s and s.type == "file" then return what end
  if fs.exists(what .. ".safetensors") then return what .. ".safetensors" end
  local dir = s and what or root .. "/" .. what
  if s and not is_run(what) then
    local path = place.find(what)
    if path then return path end
  end
  if what == "last" and not s then
    dir = latest(root) or util.fail("data", "checkpoint: no run with a checkpoint in '%s'", root)
  elseif not s and place.is_weights(what) then
    return what
  elseif what:find("/", 1, true) and not s then
    return what .. ".safetensors"
  elseif not fs.exists(dir) then
    no_run(what, root)
  end
  return dir .. "/" .. prefer .. ".safetensors"
end

-- For resuming: the checkpoint, or nil and the run when that was killed before it had one.
function runs.resumable(what, root)
  local path = runs.find(what, root)
  if fs.exists(path) then return path, runs.of(path) end
  local run = runs.of(path)
  if path:match "[^/]*$" == "last.safetensors" and fs.exists(run.dir) then return nil, run end
  return path, run -- reading it explains what is missing
end

-- The run a checkpoint lies in.
function runs.of(path) return runs.at(path:match "^(.*)/[^/]*$" or ".") end

return runs
