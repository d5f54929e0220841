-- Times the kernels of training steps (not of validation), prints a table when training ends and
-- leaves profile.json with the run. The first two steps are not counted: they make what is kept.
local core = require "vgg.core"
local json = require "vgg.json"
local util = require "vgg.util"

local Profile = { name = "profile" }
Profile.__index = Profile

local WARM_UP = 2

function Profile.new() return setmetatable({}, Profile) end

local function start(trainer)
  local p = require "vgg.profile" { model = trainer.task.model, device = trainer.opt.device }
  p:pause()
  return p
end

function Profile:on_fit_start(trainer)
  self.seen, self.running = 0, start(trainer)
end

function Profile:on_train_batch_start()
  if self.seen >= WARM_UP then self.running:resume() end
end

function Profile:on_train_step_end()
  self.seen = self.seen + 1
  if self.seen <= WARM_UP then return end
  self.running:pause()
  self.running:step()
end

function Profile:on_fit_end(trainer)
  if not self.running then return end
  local report = self.running:stop()
  self.running = nil
  if self.seen <= WARM_UP then
    util.log("note", "note: --profile counts from the third step on, there were %d", self.seen)
    return
  end
  for _, line in ipairs(report:lines()) do util.log("info", "%s", line) end
  if trainer.run then
    core.fs.write(trainer.run:path "profile.json", json.encode {
      device = report.device, precision = trainer.opt.precision, totals = report.totals,
      ceilings = report.ceilings, rows = report.rows })
  end
end

function Profile:on_exception()
  if self.running then core.profile.stop(self.running.device) end
  self.running = nil
end

return Profile
