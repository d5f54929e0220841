-- Single inheritance: class("Name", Parent) gives a table whose call makes an instance and runs its
-- `init`. A parent's `fresh` gives the raw table an instance starts from; metamethods are
-- inherited.
local function new(cls, ...)
  local fresh = cls.fresh
  local object = setmetatable(fresh and fresh() or {}, cls)
  local init = cls.init
  if init then init(object, ...) end
  return object
end

local function describe(cls) return "class " .. cls.__name end

return function(name, parent)
  local cls = {}
  if parent then
    for key, value in pairs(parent) do
      if type(key) == "string" and key:sub(1, 2) == "__" then cls[key] = value end
    end
  end
  cls.__name, cls.super = name, parent
  if not cls.__index or cls.__index == parent then cls.__index = cls end
  return setmetatable(cls, { __index = parent, __call = new, __tostring = describe })
end
