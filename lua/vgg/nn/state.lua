-- State dicts: the methods of nn.Module that list and load parameters and buffers by name.
local core = require "vgg.core"
local fit = require "vgg.checkpoint.fit"
local util = require "vgg.util"

local state = {}

local function shape_text(tensor)
  local shape = tensor.shape
  return #shape == 0 and "scalar" or table.concat(shape, "x")
end

-- { ["features.0.weight"] = tensor, ... } and, as a second value, the names in PyTorch's order. The
-- tensors are the module's own, not copies.
function state:state_dict()
  local dict, names = {}, {}
  for path, module in self:named_modules() do
    for _, is_buffer in ipairs { false, true } do
      for _, key in ipairs(module._names) do
        if (module._buffers[key] or false) == is_buffer then
          local name = path == "" and key or path .. "." .. key
          names[#names + 1] = name
          dict[name] = module._tensors[key]
        end
      end
    end
  end
  return dict, names
end

local function some(names, limit)
  limit = limit or 4
  if #names <= limit then return table.concat(names, ", ") end
  return ("%s and %d more"):format(table.concat(names, ", ", 1, limit), #names - limit)
end

-- Names wanted and not given, given and not wanted, and those whose shapes differ.
local function compare(mine, names, given)
  local missing, unexpected, differing = {}, {}, {}
  for _, name in ipairs(names) do
    local theirs = given[name]
    if theirs == nil then
      -- files from before this counter existed
      if not name:match "num_batches_tracked$" then missing[#missing + 1] = name end
    elseif shape_text(theirs) ~= shape_text(mine[name]) then
      differing[#differing + 1] = name
    end
  end
  for _, name in ipairs(util.keys(given)) do
    if mine[name] == nil then unexpected[#unexpected + 1] = name end
  end
  return missing, unexpected, differing
end

local function complaint(self, mine, given, missing, unexpected, differing)
  local parts = {}
  if #differing > 0 then
    local name = differing[1]
    parts[1] = ("%s is %s in the file, %s in %s"):format(name, shape_text(given[name]),
      shape_text(mine[name]), self.__name)
    if #differing > 1 then
      parts[1] = parts[1] .. (" (and %d more: %s)"):format(#differing - 1,
        some({ unpack(differing, 2) }))
    end
  end
  if #missing > 0 then parts[#parts + 1] = ("missing %s"):format(some(missing)) end
  if #unexpected > 0 then parts[#parts + 1] = ("unexpected %s"):format(some(unexpected)) end
  local text = "checkpoint: does not fit the model: " .. table.concat(parts, "; ")
  local entries = {}
  for name, tensor in pairs(given) do
    entries[#entries + 1] = { name = name, shape = tensor.shape }
  end
  return text .. fit.looks_like(entries, self.__name)
end

-- Copies the tensors of `given` (name -> tensor) into this module. Everything is checked before
-- anything is written. strict = false leaves missing and unexpected names alone; shapes must always
-- fit. Returns { missing = names, unexpected = names }.
function state:load_state_dict(given, options)
  options = options or {}
  util.check_options("load_state_dict", options, { strict = true })
  if type(given) ~= "table" then error("load_state_dict: want a table of tensors", 2) end
  local mine, names = self:state_dict()
  local missing, unexpected, differing = compare(mine, names, given)
  local strict = options.strict ~= false
  if #differing > 0 or (strict and #missing + #unexpected > 0) then
    if not strict then missing, unexpected = {}, {} end
    util.fail("data", "%s", complaint(self, mine, given, missing, unexpected, differing))
  end
  core.no_grad(function()
    core.scope(function()
      for _, name in ipairs(names) do
        local tensor = mine[name]
        if given[name] ~= nil then
          tensor:copy_(given[name])
        elseif name:match "num_batches_tracked$" then
          tensor:zero_()
        end
      end
    end)
  end)
  return { missing = missing, unexpected = unexpected }
end

return state
