-- Weights & Biases without Python: local run = vgg.wandb.init { project = "cifar" };
-- run:log { ["train/loss"] = 0.5 }; run:finish(). Without a key the run stays on disk, and
-- `wandb sync` uploads it.
local core = require "vgg.core"
local environment = require "vgg.wandb.environment"
local media = require "vgg.wandb.media"
local online = require "vgg.wandb.online"
local plot = require "vgg.wandb.plot"
local Run = require "vgg.wandb.run"
local settings = require "vgg.wandb.settings"
local util = require "vgg.util"

local wandb = {
  Image = media.Image,
  Histogram = media.Histogram.new,
  Table = require("vgg.wandb.table").new,
  plot = plot,
  plot_table = plot.Chart.new,
}

local known = { project = 1, entity = 1, name = 1, group = 1, job_type = 1, tags = 1, notes = 1,
  config = 1, mode = 1, resume = 1, id = 1, dir = 1, key = 1, base_url = 1, console = 1 }

-- A fresh directory for a run.
local function directory(s, start)
  local dir = online.free(("%s/%srun-%s-%s"):format(s.directory,
    s.mode == "online" and "" or "offline-", os.date("%Y%m%d_%H%M%S", start), s.id))
  for _, part in ipairs { "/files", "/logs" } do
    local ok, why = core.fs.mkdir(dir .. part)
    if not ok then util.fail("data", "wandb: %s", why) end
  end
  return dir
end

-- latest-run points at the newest run; a file system without links goes without.
local function point_at(s, dir)
  core.fs.symlink(util.basename(dir), s.directory .. "/latest-run")
end

-- What a call returns when W&B is switched off: an object on which everything does nothing.
local function disabled(s)
  local nothing = function() end
  local run = { mode = "disabled", settings = s, id = s.id or "disabled", config = {}, summary = {},
    step = 0, sync_command = nothing }
  return setmetatable(run, { __index = function(_, name)
    if Run[name] then return nothing end
  end })
end

-- A run that nobody finished ends with the program.
local function finish_when_collected(run)
  run.proxy = newproxy(true)
  getmetatable(run.proxy).__gc = function() run:finish() end
end

-- init { project, entity, name, group, job_type, tags, notes, config, mode = "online" | "offline" |
-- "disabled", resume, id, dir, key, base_url, console = true } -> run. What is not given comes from
-- the environment (WANDB_PROJECT, WANDB_MODE, ...). Without a key the mode is "offline".
function wandb.init(o)
  o = o or {}
  util.check_options("wandb.init", o, known, 2)
  local run = wandb.start(o, {})
  if run.writer then
    finish_when_collected(run)
    require("vgg.log").track(run)
  end
  wandb.run = run
  return run
end

-- init with further defaults: what neither `o` nor the environment says. The caller finishes the
-- run.
function wandb.start(o, defaults)
  local s = settings.read(o, defaults)
  if s.mode == "disabled" then return disabled(s) end
  local git, repository = environment.git "."
  s.git = git
  s.project = s.project or repository or "uncategorized"
  online.choose_id(s)
  s.platform = ("%s-%s"):format(jit.os:lower(), jit.arch == "x64" and "x86_64" or jit.arch)
  local sender = s.mode == "online" and online.open(s)
  local start = core.wall_clock()
  local dir = directory(s, start)
  local writer, why = core.wandb.open { path = ("%s/run-%s.wandb"):format(dir, s.id), start = start,
    stats_interval = s.stats_interval, sender = sender or nil }
  if not writer then util.fail("data", "%s", why) end
  point_at(s, dir)
  local run = Run.new(s, { dir = dir, writer = writer, start = start, sender = sender or nil },
    o.config)
  run:begin()
  return run
end

-- log, finish and define_metric of the run started last.
for _, method in ipairs { "log", "finish", "define_metric" } do
  wandb[method] = function(...)
    if not wandb.run then error(("wandb.%s: no run, call wandb.init first"):format(method), 2) end
    return wandb.run[method](wandb.run, ...)
  end
end

return wandb
