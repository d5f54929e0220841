-- A helper for layers without parameters: a class from its option names and one function.
local class = require "vgg.class"
local Module = require "vgg.module"
local calls = require "vgg.nn.calls"
local util = require "vgg.util"

-- simple("LeakyReLU", { "slope" }, { slope = 0.01 }, function(self, x) ... end): positions in the
-- array part take the names of the first list, in order; `defaults` knows every option. An option
-- whose default is `simple.required` must be given.
local simple = { required = {}, none = {} }

local function text_of(value)
  if type(value) == "table" then return table.concat(value, "x") end
  return type(value) == "number" and ("%.14g"):format(value) or tostring(value)
end

local function init(self, options)
  local cls, given = getmetatable(self), {}
  if options ~= nil and type(options) ~= "table" then
    calls.mistake("%s: want one table of options, got %s", cls.__name, type(options))
  end
  for key, value in pairs(options or {}) do
    local name = type(key) == "number" and cls.positions[key] or key
    if type(name) ~= "string" then
      calls.mistake("%s: want %d values before the named options, got %d", cls.__name,
        #cls.positions, #options)
    end
    given[name] = value
  end
  for _, key in ipairs(util.keys(given)) do
    if cls.defaults[key] == nil then
      calls.mistake("%s: unknown option '%s'%s", cls.__name, key, util.hint(key, cls.defaults))
    end
  end
  for name, default in pairs(cls.defaults) do
    local value = given[name]
    if value == nil then value = default end
    if value == simple.required then
      calls.mistake("%s: option '%s' is missing", cls.__name, name)
    end
    if value == simple.none then value = false end
    rawset(self, name, value)
  end
  if cls.check then cls.check(self) end -- the class's own, may raise with calls.mistake
end

local function describe(self)
  local cls, parts = getmetatable(self), {}
  for _, name in ipairs(util.keys(cls.defaults)) do
    local value, default = self[name], cls.defaults[name]
    if value ~= default and not (default == simple.none and value == false) then
      parts[#parts + 1] = name .. " " .. text_of(value)
    end
  end
  return cls.__name, table.concat(parts, ", ")
end

function simple.layer(name, positions, defaults, forward)
  local cls = class(name, Module)
  cls.positions, cls.defaults, cls.forward = positions, defaults, forward
  cls.init, cls.describe = init, describe
  return cls
end

return simple
