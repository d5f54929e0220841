-- Loggers by name: log.open({ "jsonl" }, run). A logger has log_metrics(row),
-- log_confusion_matrix { key =, title =, classes =, matrix = }, truncate(rows), flush(), close()
-- and a field `rows`. A logger that fails is switched off with a warning; training goes on.
local util = require "vgg.util"

local log = {}

-- name -> module with new(run); further ones register here.
log.known = { jsonl = "vgg.log.jsonl" }

local guarded = { "log_metrics", "log_confusion_matrix", "flush", "close" }

-- Wraps the methods that write so that an error is told once and never reaches the trainer.
local function guard(logger, name)
  for _, method in ipairs(guarded) do
    local f = logger[method]
    logger[method] = function(self, ...)
      if self.failed then return end
      local ok, why = pcall(f, self, ...)
      if not ok then
        self.failed = true
        util.log("warn", "%s logger stopped: %s. Training goes on", name, tostring(why))
      end
    end
  end
  return logger
end

-- An array of loggers for a run; names may also be logger objects.
function log.open(names, run)
  local list = {}
  for i, name in ipairs(names) do
    if type(name) == "table" then
      list[i] = guard(name, name.name or "custom")
    else
      local module = log.known[name]
      if not module then
        util.fail("usage", "--logger: no logger '%s'%s. Known: %s", tostring(name),
          util.hint(tostring(name), log.known), table.concat(util.keys(log.known), " "))
      end
      list[i] = guard(require(module).new(run), name)
    end
  end
  return list
end

return log
