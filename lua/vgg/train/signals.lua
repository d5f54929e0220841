-- Ctrl-C, SIGTERM and SIGUSR1 as the trainer hears them: asked for between steps, never inside one.
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

-- nil, "INT", "TERM", "USR1" or "QUIT"
function signals.pending()
  return core.signals and core.signals.pending() or nil
end

return signals
