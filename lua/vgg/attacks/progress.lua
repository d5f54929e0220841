-- The live line of an attack on stderr; nothing but a line every 30 s where there is no terminal.
local core = require "vgg.core"
local Clock = require "vgg.train.clock"
local line = require "vgg.train.line"
local util = require "vgg.util"

local Progress = {}
Progress.__index = Progress

local function due(self, last)
  local now = core.clock()
  if util.quiet() then return false end
  if now - self.at < (self.tty and 0.1 or 30) and not (last and self.tty) then return false end
  self.at = now
  return true
end

local function write(self, text)
  if self.tty then
    io.stderr:write("\r", line.fit(text, util.width()), "\27[K")
    self.shown = true
  else
    io.stderr:write(text, "\n")
  end
  io.stderr:flush()
end

-- k of n are done.
function Progress:share(k, n)
  if due(self) then write(self, ("%s  %s/%s"):format(self.what, util.count(k), util.count(n))) end
end

-- What an attack's on_step gets.
function Progress:step(s)
  if s.iteration > 0 then self.iterations = self.iterations + 1 end
  if not due(self, not s.going) then return end
  local rate = self.iterations / math.max(core.clock() - self.started, 1e-9)
  local left = rate > 0 and (s.max_iter - s.iteration) / rate or 0
  write(self, ("%s  %3d%% finished (%d/%d)  mean p(target) %.3f  iteration %d/%d  %.1f it/s  "
    .. "at most %s"):format(self.what, 100 * s.finished / s.total, s.finished, s.total, s.mean_prob,
    s.iteration, s.max_iter, rate, Clock.text(left)))
end

function Progress:clear()
  if self.shown then io.stderr:write "\r\27[K" end
  self.shown = false
end

-- Progress { what = "attack" }
return function(o)
  local now = core.clock()
  return setmetatable({ what = o.what, at = now - 0.1, started = now, iterations = 0,
    tty = util.isatty(2) and os.getenv "TERM" ~= "dumb" }, Progress)
end
