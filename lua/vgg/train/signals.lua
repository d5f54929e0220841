-- Ctrl-C, SIGTERM and SIGUSR1 as the trainer hears them: asked for between steps, never inside one.
local core = require "vgg.core"

local signals = {}

local exits = { INT = "interrupted", TERM = "terminated" }
signals.exits = exits

function signals.listen(on)
  if core.signals then core.signals.defer(on) end
end

-- nil, "INT", "TERM" or "USR1"
function signals.pending()
  return core.signals and core.signals.pending() or nil
end

return signals
