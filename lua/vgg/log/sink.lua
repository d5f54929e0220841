-- Where a logger's bytes go: files written by a thread of its own, so that no disk ever makes the
-- trainer wait. Trouble is told once, and at the end what came of it.
local core = require "vgg.core"
local util = require "vgg.util"

local Sink = {}
Sink.__index = Sink

Sink.room = 16 * 1024 * 1024 -- bytes that wait for a disk that refuses, before any is dropped
Sink.seconds = 2 -- flush waits so long, close three

-- `name` of the logger, for the messages.
function Sink.new(name, room)
  room = room or Sink.room
  return setmetatable({ name = name, room = room, writer = core.log.writer(room) }, Sink)
end

local function watch(self)
  local trouble = self.writer:trouble()
  if not trouble then return end
  self.told = true
  util.log("warn", "%s logger: %s. Training goes on; the log is kept in memory, up to %s, and "
    .. "written when that is possible", self.name, trouble, util.bytes(self.room))
end

-- Appends bytes to a file. False when they were dropped because too much waits already.
function Sink:append(path, bytes)
  local taken = self.writer:append(path, bytes)
  watch(self)
  return taken
end

-- Writes or replaces a whole file. False when dropped.
function Sink:put(path, bytes)
  local taken = self.writer:put(path, bytes)
  watch(self)
  return taken
end

-- Lets go of a file, so that it can be changed from outside. False when it is not written yet.
function Sink:forget(path)
  return self.writer:forget(path) and self.writer:flush(Sink.seconds, false)
end

-- Waits, but not long, until everything so far is with the system, or on disk. False if it is not.
function Sink:flush(durable)
  if not self.writer then return true end
  local done = self.writer:flush(Sink.seconds, durable or false)
  watch(self)
  if not done and not self.told and not self.slow then
    self.slow = true
    util.log("warn", "%s logger: the disk has not answered for %g s. Training goes on", self.name,
      Sink.seconds)
  end
  return done
end

-- Safe to repeat.
function Sink:close()
  if not self.writer then return end
  watch(self)
  local s = self.writer:close()
  self.writer = nil
  local missing = s and s.lost + s.waiting or 0
  if missing > 0 then
    util.log("warn", "%s logger: %s record%s lost: %s", self.name, util.count(missing),
      missing == 1 and " was" or "s were", s.message or "the disk was too slow")
  elseif self.told then
    util.log("note", "%s logger: all records were written in the end", self.name)
  end
end

return Sink
