-- A prompt inside a training: Ctrl-\ on the terminal, or `vgglua attach RUN` from anywhere, opens
-- it between two steps. `--repl` adds this callback.
local core = require "vgg.core"
local attached = require "vgg.repl.attached"
local signals = require "vgg.train.signals"
local util = require "vgg.util"

local Attach = { name = "attach", order = 95 }
Attach.__index = Attach

-- Attach {}
function Attach.new(o)
  util.check_options("Attach", o or {}, {})
  return setmetatable({}, Attach)
end

-- Where the run listens; a path too long for a socket gets a short one in the state directory.
function Attach.path(run)
  local path = run:path "attach.sock"
  if #path < 100 then return path end
  local state = util.state_dir()
  core.fs.mkdir(state)
  return ("%s/attach-%s.sock"):format(state, run.name:sub(1, 40))
end

function Attach:on_fit_start(t)
  signals.prompts()
  local terminal, why = require("vgg.repl").has_terminal()
  local listens
  if t.run and core.attach then
    local path = Attach.path(t.run)
    self.server, listens = core.attach.listen(path)
    if not self.server then util.log("warn", "%s", listens) end
  end
  local attach = self.server and "vgglua attach " .. t.run.name
  if terminal then
    util.log("note", "prompt  Ctrl-\\ opens it between two steps%s",
      attach and "; elsewhere: " .. attach or "")
  else
    util.log("note", "prompt  %s%s", attach or "none", ("; %s, so no Ctrl-\\ here"):format(why))
  end
end

local function on_terminal(t)
  local terminal, why = require("vgg.repl").has_terminal()
  if terminal then return require("vgg.train.prompt").open(t) end
  util.log("warn", "no prompt here: %s%s", why,
    t.run and ". Use: vgglua attach " .. t.run.name or "")
end

local function on_line(t, line)
  local ok, why = pcall(require("vgg.train.prompt").open, t, line)
  attached.send(line, { bye = true })
  line:close()
  if not ok then error(why, 0) end
end

local function look(self, t)
  t:poll()
  if t.prompt_asked then
    t.prompt_asked = nil
    on_terminal(t)
  end
  local line = self.server and self.server:accept()
  if line then on_line(t, line) end
  t:poll()
end

function Attach:on_step_boundary(t) look(self, t) end
function Attach:on_epoch_end(t) look(self, t) end

local function close(self)
  if self.server then self.server:close() end
  self.server = nil
end

function Attach:on_fit_end() close(self) end
function Attach:on_exception() close(self) end

return Attach
