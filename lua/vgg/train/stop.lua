-- How a run ends before its time: signals and errors. Each saves what it can and says how to go on.
local signals = require "vgg.train.signals"
local util = require "vgg.util"

local stop = {}

-- The command that goes on with this run.
function stop.resume_command(t)
  if not t.run then return nil end
  local default = t.opt.runs_dir == "runs"
  local name = default and t.run.name or t.run.dir
  if arg and arg[0] and t.opt.hyper_parameters then
    return ("vgglua %s --resume %s"):format(arg[0], name)
  end
  return ("Trainer { resume = %q, ... }"):format(name)
end

function stop.where(t)
  local p = t.position
  return p.batch > 0 and ("epoch %d after batch %d of %d"):format(p.epoch + 1, p.batch,
    t.feeds.train.batches) or ("the end of epoch %d"):format(p.epoch)
end

-- Ctrl-C and SIGTERM, with the step finished.
function stop.by_signal(t)
  local kind = signals.exits[t.signal]
  local path = t:save_checkpoint()
  if not path then
    util.fail(kind, "%s at %s; this run saves nothing", kind, stop.where(t))
  end
  util.fail(kind, "%s at %s. Saved %s\nresume: %s", kind, stop.where(t), path,
    stop.resume_command(t))
end

-- An error inside the loop. Between steps the state is whole and becomes `last`; inside one it is
-- not, so it goes to a file of its own and `last` stays. Returns the error to raise.
function stop.failed(t, e)
  local kind = util.is_failure(e) and e.kind
  if kind == "memory" and t.in_step then
    local ok, text = pcall(require("vgg.train.memory").explain, t)
    return ok and text and util.failure("memory", "%s", text) or e
  end
  if t.save_failed or kind == "numbers" or not t.run then return e end
  local path = t.in_step and t.run:path "exception.safetensors" or nil
  local ok, saved = pcall(t.save_checkpoint, t, path)
  if ok and saved then
    util.log("note", "saved %s (%s)\nresume: %s", saved, stop.where(t), stop.resume_command(t))
  end
  return e
end

-- How loggers hear of it when they close.
function stop.outcome(e)
  return require("vgg.log").outcome(util.is_failure(e) and e.exit or 1)
end

return stop
