-- A prompt between two steps. Looking changes nothing: modes, gradients and the position of the
-- random numbers are put back, and the time does not count.
local core = require "vgg.core"
local signals = require "vgg.train.signals"
local stop = require "vgg.train.stop"
local util = require "vgg.util"

local prompt = {}

local function variables(t)
  return { trainer = t, model = t.task.model, optimizer = t.task.optimizer, task = t.task,
    train_loader = t.feeds.train.loader, val_loader = t.feeds.val and t.feeds.val.loader,
    run = t.run }
end

local function words(t, line)
  return ("training waits at %s (step %s): trainer, model, optimizer, train_loader, val_loader.\n"
    .. "%s goes on; the model is in evaluation mode here"):format(stop.where(t),
    util.count(t.position.step), line and ":continue" or "Ctrl-D")
end

-- What was typed belongs to the run's story.
local function note(t, typed)
  if #typed == 0 then return end
  t:log_row { type = "event", event = "prompt", epoch = t.position.epoch + 1,
    step = t.position.step, typed = typed, timing = { wall = os.time(), elapsed = t:elapsed() } }
end

local function modes_of(model)
  local modes = {}
  for _, module in model:named_modules() do modes[module] = module.training end
  return modes
end

-- Opens the prompt on the terminal, or on the line of a client; returns when the user lets go.
function prompt.open(t, line)
  local started, seed, position = core.clock(), core.rng_state()
  local model = t.task.model
  local modes = modes_of(model)
  model:eval()
  t:call("on_message", "")
  if not line then signals.hold(false) end
  local ok, typed = pcall(require("vgg.repl").inside,
    { words = words(t, line), vars = variables(t), line = line })
  if not line then signals.hold(true) end
  for module, mode in pairs(modes) do module:set_training(mode) end
  t.task.optimizer:zero_grad()
  require("vgg.train.replayed").forget(t)
  core.set_rng_state(seed, position)
  if t.clock then t.clock.started = t.clock.started + core.clock() - started end
  if not ok then error(typed, 0) end
  note(t, typed)
end

return prompt
