-- Keeps parts of a model as they are: no gradients, and batch normalisation in evaluation mode, so
-- that its running statistics stop too. From an epoch on they train like the rest.
local util = require "vgg.util"

local Freeze = {}
Freeze.__index = Freeze

local known = { unfreeze_epoch = true }

-- Freeze { "features", ... [, unfreeze_epoch = 3] }: paths in the model; epochs count from 1, and
-- without unfreeze_epoch the parts never train.
function Freeze.new(o)
  local paths, options = {}, {}
  for key, value in pairs(o or {}) do
    if type(key) == "number" then paths[key] = value else options[key] = value end
  end
  util.check_options("Freeze", options, known)
  if #paths == 0 then error("Freeze: want a path, as in Freeze { \"features\" }", 2) end
  return setmetatable({ name = "freeze " .. table.concat(paths, " "), paths = paths,
    unfreeze_epoch = options.unfreeze_epoch }, Freeze)
end

local function part(trainer, path)
  local ok, found = pcall(trainer.task.model.get, trainer.task.model, path)
  if not ok then util.fail("usage", "freeze: %s", (tostring(found):gsub("^[^\n]-:%d+: ", ""))) end
  if type(found) ~= "table" then
    util.fail("usage", "freeze: '%s' is a tensor; name the layer that holds it", path)
  end
  return found
end

local function set(self, trainer, frozen)
  for _, path in ipairs(self.paths) do part(trainer, path):freeze(frozen) end
  self.frozen = frozen
end

local function due(self, trainer)
  return self.unfreeze_epoch and trainer.position.epoch + 1 >= self.unfreeze_epoch
end

function Freeze:setup(trainer)
  if trainer.feeds then set(self, trainer, true) end
end

function Freeze:on_train_epoch_start(trainer)
  if not self.frozen or not due(self, trainer) then return end
  set(self, trainer, false)
  util.log("info", "epoch %d: %s trains from here", trainer.position.epoch + 1,
    table.concat(self.paths, ", "))
  trainer:call "on_cost_change"
end

function Freeze:state() return { frozen = self.frozen } end

-- A resumed run stands where it was; `setup` has frozen everything.
function Freeze:load_state(s, trainer)
  if not s.frozen then set(self, trainer, false) end
end

return Freeze
