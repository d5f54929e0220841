-- Ctrl-C, SIGTERM and SIGUSR1 as the trainer hears them: asked for between steps. Inside one only
-- what can be done again is stopped.
local core = require "vgg.core"

local signals = {}

local exits = { INT = "interrupted", TERM = "terminated" }
signals.exits = exits

function signals.listen(on)
  if core.signals then core.signals.defer(on) end
end

-- From now until listen(false), SIGQUIT (Ctrl-\) shows in pending(), too.
function signals.prompts()
  if core.signals then core.signals.prompts() end
end

-- hold(false): a prompt stands inside the training and Ctrl-C is its own; hold(true): over.
function signals.hold(on)
  if core.signals then core.signals.hold(on) end
end

local function over(...)
  core.signals.droppable(false)
  return ...
end

-- Runs fn(...), which Ctrl-C and SIGTERM may end by an error anywhere ("interrupted") if the
-- trainer listens.
function signals.droppable(t, fn, ...)
  if not (t.listening and core.signals) then return fn(...) end
  core.signals.droppable(true)
  return over(fn(...))
end

-- nil, "INT", "TERM", "USR1" or "QUIT"
function signals.pending()
  return core.signals and core.signals.pending() or nil
end

return signals
