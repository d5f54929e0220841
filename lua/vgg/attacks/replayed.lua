-- Iterations as one launch, on a device that can: look, gradient and step of a batch are recorded
-- at its third iteration and replayed until rows leave it. VGG_REPLAY=0 switches this off.
-- A method says `recordable` when its step is made of operations alone, and gives `refill` when
-- these take numbers that change between iterations (Adam's step count).
local core = require "vgg.core"

local replayed = {}

local warm = 2 -- iterations of a shape before it is recorded

local function possible(self, batch)
  if not self.recordable or os.getenv "VGG_REPLAY" == "0" then return false end
  if batch.unrecordable or not core.replay.possible(batch.v.device) then return false end
  for _, module in self.model:named_modules() do
    if rawget(module, "_hooks") or rawget(module, "_pre_hooks") then return false end
  end
  return true
end

-- Lets go of the recording; the next one comes after some iterations of the new shape.
function replayed.forget(batch)
  local r = batch.recorded
  batch.recorded, batch.seen = nil, 0
  if not r then return end
  r.recording:free()
  for _, tensor in pairs(r.measured) do tensor:free() end
  r.pixels:free()
end

local function whole(self, batch, state, r)
  local v, space = batch.v, batch.space
  v:requires_grad_(true)
  local logits = space.logits(v)
  core.no_grad(function()
    r.pixels = space.decode(v:detach()):clone():keep()
    r.measured = batch:measure(logits:detach(), r.pixels)
    for name, tensor in pairs(r.measured) do r.measured[name] = tensor:clone():keep() end
  end)
  self.objective(logits, batch.target, self.targeted):sum():backward()
  core.no_grad(self.step, self, batch, state, v.grad, 1)
  v:requires_grad_(false)
  core.no_grad(space.clip, v)
end

-- False when it cannot be recorded; then nothing has happened.
local function record(self, batch, state)
  local r = { recording = core.replay.begin(batch.v.device) }
  batch.v:set_grad(nil)
  local ok, why = pcall(core.scope, whole, self, batch, state, r)
  if ok then ok, why = pcall(r.recording.finish, r.recording, { batch.v }) end
  if ok then
    batch.recorded = r
    return true
  end
  r.recording:free()
  batch.v:requires_grad_(false)
  batch.v:set_grad(nil)
  if type(why) == "table" and why.kind == "interrupted" then error(why, 0) end
  batch.unrecordable = tostring(why)
  return false
end

-- Whether this iteration shall be launched; records it when it is time to.
function replayed.ready(self, batch, state)
  if batch.recorded then return true end
  batch.seen = (batch.seen or 0) + 1
  if batch.seen <= warm or not possible(self, batch) then return false end
  return record(self, batch, state)
end

-- One iteration; returns what was measured before its step.
function replayed.launch(self, batch, state, k)
  local r = batch.recorded
  if self.refill then
    r.recording:refill(true)
    local ok, why = pcall(core.no_grad, self.refill, self, batch, state, batch.v.grad, k + 1)
    r.recording:refill(false)
    if not ok then error(why, 0) end
  end
  r.recording:launch()
  return r.measured
end

return replayed
