-- load(what [, options]): the network of a checkpoint as attacks take it, with the normalisation of
-- its training inside, and the file's metadata. what: a file or a run; nil: the newest best
-- checkpoint under `runs_dir`, else the newest file in weights/. precision: of Normalized.
local fs = require("vgg.core").fs
local checkpoint = require "vgg.checkpoint"
local Normalized = require "vgg.attacks.normalized"
local runs = require "vgg.train.runs"
local util = require "vgg.util"

local function newest_best(root)
  local path, newest
  for _, name in ipairs(fs.list(root) or {}) do
    local file = root .. "/" .. name .. "/best.safetensors"
    local stat = fs.stat(file)
    if stat and (not newest or stat.mtime > newest) then path, newest = file, stat.mtime end
  end
  return path
end

local function default_path(root)
  local path = newest_best(root)
  if path then return path, "newest best checkpoint" end
  local shipped = checkpoint.list "weights"
  if shipped[1] then return shipped[1].path, "shipped weights" end
  util.fail("data", "attack: no network to attack: there is no %s/*/best.safetensors and nothing "
    .. "in weights/. Train one: vgglua experiments/finetune.lua --max-epochs 3 (or name a file: "
    .. "--ckpt-path)", root)
end

-- Mean and standard deviation of the inputs, by the augmentation the network was trained with.
local function normalization(meta)
  local given = meta.normalize or (meta.config and meta.config.normalize)
  if given then return given end
  local transforms = require "vgg.data.transforms"
  local name = meta.config and meta.config.flags and meta.config.flags.augment or "none"
  local ok, pipeline = pcall(transforms.pipeline, name)
  return transforms.eval(ok and pipeline or transforms.pipeline "none").normalize
end

return function(what, options)
  options = options or {}
  util.check_options("load", options, { runs_dir = true, model = true, precision = true })
  local root, why = options.runs_dir or "runs", nil
  if not what then what, why = default_path(root) end
  local path = runs.find(what, root, "best")
  local body, meta = require "vgg.train.load"(path, { runs_dir = root, model = options.model })
  local n = normalization(meta)
  return Normalized { body, mean = n.mean, std = n.std, precision = options.precision }, meta,
    { path = path, why = why }
end
