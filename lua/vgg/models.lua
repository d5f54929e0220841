-- Models by name: models.build("vgg16_bn", { num_classes = 10 }) or models.vgg16_bn { ... }. A
-- model knows the name and options that rebuild it: model:config().
local Module = require "vgg.module"
local util = require "vgg.util"

local models = {}

-- name -> module that holds { options = defaults, build = function(options) }
local registry = {
  vgg16_bn = "vgg.models.vgg16_bn",
  cifar10net = "vgg.models.cifar10net",
}

-- Adds a model of your own: definition = { options = { name = default }, build = function }.
function models.register(name, definition) registry[name] = definition end

function models.names() return util.keys(registry) end

local function find(name)
  local entry = registry[name]
  if not entry then
    util.fail("usage", "model: no model '%s'%s. Models: %s", tostring(name),
      util.hint(tostring(name), models.names()), table.concat(models.names(), " "))
  end
  return type(entry) == "string" and require(entry) or entry
end

-- What a model can be asked for: { name =, options = { option = default } }.
function models.describe(name) return { name = name, options = find(name).options } end

-- build(name [, options]); or build(config) with what model:config() gave.
function models.build(name, options)
  if type(name) == "table" then name, options = name.name, name.options end
  local definition = find(name)
  options = options or {}
  util.check_options(name, options, definition.options, 2)
  local complete = {}
  for key, default in pairs(definition.options) do
    local value = options[key]
    if value == nil then value = default end
    complete[key] = value
  end
  local model = definition.build(complete)
  rawset(model, "_config", { name = name, options = complete })
  return model
end

-- { name =, options = } of a model built by name, nil for any other module.
function Module:config() return rawget(self, "_config") end

return setmetatable(models, {
  __names = registry,
  __index = function(_, name)
    if not registry[name] then return nil end
    return function(options) return models.build(name, options) end
  end,
})
