-- Loggers by name: log.open({ "jsonl", "wandb" }, run, context) gives a list. Each may have
-- any of the methods below; a call to one that a logger lacks is skipped, and an error inside
-- one is told once and switches that logger off: training goes on.
--
--   log_metrics(row)                             a row of the trainer: type, epoch, step, values
--   log_summary(values, more)                    what the run came to: ["best/acc"] = 0.7, ...
--   log_config(table)                            once, before anything else but resume
--   resume { rows, step, epoch }                 the run goes on from here; later things are void
--   log_images { key, images = { log.Image(tensor, { caption = }) ... }, step, epoch }
--   log_table { key, columns, rows, step, epoch }      cells: number, string, boolean, Image
--   log_confusion_matrix { key, title, classes, matrix, step, epoch }
--   log_histogram { key, values = tensor | array, or bins (edges) and counts, step, epoch }
--   log_text { key, text, step, epoch }
--   log_file { path, name }
--   flush(durable)                               what was logged is in its files, soon
--   close { status = "finished" | "failed" | "interrupted", code = 0 }
--
-- The list has the same methods and passes them on to all: trainer.loggers:log_text { ... }.
local util = require "vgg.util"

local log = {}

-- name -> module with new(run, context); further ones register here. context: resumed (the
-- run goes on), config (the run's), flags, experiment (name of the script), classes, tb_logs.
-- Besides the methods above an object may have view(), the command that shows the run.
log.known = { jsonl = "vgg.log.jsonl", tensorboard = "vgg.log.tensorboard",
  wandb = "vgg.log.wandb" }

log.methods = { "log_metrics", "log_summary", "log_config", "log_images", "log_table",
  "log_confusion_matrix", "log_histogram", "log_text", "log_file", "resume", "flush",
  "close" }

local function skip() end

-- Wraps a logger's method so that an error is told once and never reaches the trainer.
local function guarded(f, name)
  return function(self, ...)
    if self.failed or self.closed then return end
    local ok, result = pcall(f, self, ...)
    if ok then return result end
    self.failed = true
    util.log("warn", "%s logger stopped: %s. Training goes on", name, tostring(result))
  end
end

local function guard(logger, name)
  for _, method in ipairs(log.methods) do
    local f = logger[method]
    logger[method] = f and guarded(f, name) or skip
  end
  local close = logger.close
  function logger:close(outcome)
    close(self, outcome or { status = "finished", code = 0 })
    self.closed = true
  end
  logger.name = logger.name or name
  return logger
end

local List = {}
List.__index = List

for _, method in ipairs(log.methods) do
  List[method] = function(self, ...)
    for _, logger in ipairs(self) do logger[method](logger, ...) end
  end
end

-- The logger of that name, or nil.
function List:get(name)
  for _, logger in ipairs(self) do
    if logger.name == name then return logger end
  end
end

local open = setmetatable({}, { __mode = "k" }) -- lists not closed yet

-- `outcome` set before (by a training that failed) wins.
function List:close(outcome)
  for _, logger in ipairs(self) do logger:close(self.outcome or outcome) end
  open[self] = nil
end

-- Says on stderr how to look at the run: each logger's view().
function List:tell_views()
  for _, logger in ipairs(self) do
    if logger.view and not logger.failed then util.log("info", "view    %s", logger:view()) end
  end
end

-- A list that is collected, or whose state closes, closes its loggers. Made after them, it is
-- finalised before what they hold.
local function close_when_collected(list)
  list.proxy = newproxy(true)
  getmetatable(list.proxy).__gc = function() list:close() end
end

local function make(name, run, context)
  if type(name) == "table" then return guard(name, name.name or "custom") end
  local module = log.known[name]
  if not module then
    util.fail("usage", "--logger: no logger '%s'%s. Known: %s", tostring(name),
      util.hint(tostring(name), log.known), table.concat(util.keys(log.known), " "))
  end
  return guard(require(module).new(run, context), name)
end

-- Names may also be logger objects. The list is closed with the trainer, else with the program.
function log.open(names, run, context)
  local list = setmetatable({}, List)
  for i, name in ipairs(names) do list[i] = make(name, run, context or {}) end
  close_when_collected(list)
  open[list] = true
  return list
end

-- How a program ended, for close: its exit code in words.
function log.outcome(code)
  local interrupted = code == 130 or code == 143
  return { status = code == 0 and "finished" or interrupted and "interrupted" or "failed",
    code = code }
end

-- Has close { status =, code = } of an object called when the program ends.
function log.track(object) open[object] = true end

-- Closes every list that is still open.
function log.close_all(outcome)
  for list in pairs(open) do list:close(outcome) end
end

-- Image(tensor CxHxW with floats in 0..1 or uint8, { caption =, scale = }), Image(figure, ...) or
-- Image { png = bytes, caption = }
function log.Image(source, options) return require("vgg.log.image").new(source, options) end

return log
