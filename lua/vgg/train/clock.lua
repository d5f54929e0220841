-- Time of a run: what was spent before a resume plus what was spent since. Kept apart from the
-- checkpoints (clock.json), whose bytes must not depend on the time.
local core = require "vgg.core"

local Clock = {}
Clock.__index = Clock

function Clock.new(before)
  return setmetatable({ before = before or 0, started = core.clock() }, Clock)
end

function Clock:elapsed() return self.before + core.clock() - self.started end

-- Seconds between two calls of the same name.
function Clock.now() return core.clock() end

-- Mean rate over the last `window` seconds, but at least over the last two reports, of amounts that
-- are reported as they happen.
local Rate = {}
Rate.__index = Rate

function Clock.rate(window)
  return setmetatable({ window = window or 5, times = {}, amounts = {}, first = 1, last = 0,
    sum = 0 }, Rate)
end

function Rate:add(amount, now)
  now = now or core.clock()
  self.last = self.last + 1
  self.times[self.last], self.amounts[self.last] = now, amount
  self.sum = self.sum + amount
  while self.first < self.last - 1 and now - self.times[self.first] > self.window do
    self.sum = self.sum - self.amounts[self.first]
    self.times[self.first], self.amounts[self.first] = nil, nil
    self.first = self.first + 1
  end
end

-- Amount a second. The first report only marks the start; 0 before the second.
function Rate:value()
  local span = self.last > 0 and self.times[self.last] - self.times[self.first] or 0
  if span <= 0 then return 0 end
  return (self.sum - self.amounts[self.first]) / span
end

-- 12 -> "0:12", 521 -> "8:41", 3723 -> "1:02:03"
function Clock.text(s)
  s = math.max(0, math.floor(s + 0.5))
  local h, m = math.floor(s / 3600), math.floor(s / 60) % 60
  if h > 0 then return ("%d:%02d:%02d"):format(h, m, s % 60) end
  return ("%d:%02d"):format(m, s % 60)
end

return Clock
