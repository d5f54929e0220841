-- The module: `local vgg = require "vgg"`. Parts are loaded when first used (vgg.nn, vgg.optim).
local core = require "vgg.core"
require "vgg.top"

local parts = {
  nn = true, optim = true, data = true, train = true, metric = true, models = true, util = true,
  cli = true, checkpoint = true, json = true, callbacks = true, log = true, wandb = true,
  pretty = true, functional = true, plot = true, summary = true, probe = true, show = true,
  hub = true, attacks = true, profile = true,
}

local vgg = {
  core = core,
  version = core.version,
  tensor = core.tensor,
  empty = core.empty,
  no_grad = core.no_grad,
  autocast = core.autocast,
  scope = core.scope,
  manual_seed = core.manual_seed,
}

return setmetatable(vgg, {
  __names = function()
    local names = { load = true, load_state = true, save = true }
    for _, t in ipairs { parts, core } do
      for name in pairs(t) do names[name] = true end
    end
    return names
  end,
  __index = function(self, name)
    local value
    if parts[name] then
      value = require("vgg." .. name)
    elseif name == "load" or name == "load_state" then
      value = require("vgg.train." .. name)
    elseif name == "save" then
      value = require "vgg.save"
    else
      value = core[name]
    end
    if value ~= nil then rawset(self, name, value) end
    return value
  end,
})
