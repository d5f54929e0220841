-- What an optimizer accepts as parameters: a tensor, a module, an array of tensors (as
-- model:parameters() returns), an array of { name, tensor } pairs, or a group: one of these
-- with options beside it. Everything becomes groups { params = {...}, names = {...}, options }.
local core = require "vgg.core"

local params = {}

local function is_tensor(v) return type(v) == "userdata" end

local function is_module(v)
  return type(v) == "table" and type(v.named_parameters) == "function"
end

-- Names travel beside an array as its field `names` or in its metatable.
local function names_of(list)
  local meta = getmetatable(list)
  return rawget(list, "names") or (type(meta) == "table" and rawget(meta, "names")) or {}
end

local function add(into, tensor, name)
  into.params[#into.params + 1] = tensor
  into.names[#into.params] = name or false
end

-- Adds whatever `item` stands for; only the array part of tables is looked at.
local function collect(who, item, into, name)
  if is_tensor(item) then
    add(into, item, name)
  elseif type(item) ~= "table" then
    error(("%s: parameters are tensors, arrays of tensors or modules, got a %s"):format(who,
      type(item)), 0)
  elseif is_module(item) then
    for child, tensor in item:named_parameters() do add(into, tensor, child) end
  elseif type(item[1]) == "string" and is_tensor(item[2]) then
    add(into, item[2], item[1])
  else
    local names = names_of(item)
    for i, value in ipairs(item) do collect(who, value, into, names[i]) end
  end
end

-- A plain array of tensors from any of the forms above.
function params.tensors(who, item)
  if type(item) == "table" and not is_module(item) then return item end
  local into = { params = {}, names = {} }
  collect(who, item, into)
  return into.params
end

local function options_of(item)
  local options = {}
  for key, value in pairs(item) do
    if type(key) == "string" and key ~= "names" then options[key] = value end
  end
  return options
end

-- Nothing to group: the elements are tensors or names with tensors, not arrays or modules.
local function is_flat(list)
  local first = list[1]
  return is_tensor(first) or (type(first) == "table" and not is_module(first) and
    type(first[1]) == "string" and is_tensor(first[2]))
end

-- The constructor's argument -> array of { params =, names =, <own options> }; a name is false
-- until `check` has seen all groups.
function params.groups(who, spec)
  local groups = {}
  local function group(item, own)
    local into = own or {}
    into.params, into.names = {}, {}
    collect(who, item, into)
    if #into.params == 0 then error(who .. ": a group has no parameters", 0) end
    groups[#groups + 1] = into
  end
  if is_flat(spec) then
    group(spec)
  else
    for _, item in ipairs(spec) do
      group(item, type(item) == "table" and not is_module(item) and options_of(item) or nil)
    end
  end
  if #groups == 0 then error(who .. ": no parameters", 0) end
  return groups
end

-- Gives unnamed parameters their position as a name; refuses doubles.
function params.check(who, groups)
  local all, count, seen = {}, 0, {}
  for _, g in ipairs(groups) do
    for i, tensor in ipairs(g.params) do
      count = count + 1
      all[count] = tensor
      g.names[i] = g.names[i] or tostring(count)
      if seen[g.names[i]] then
        error(("%s: two parameters are named '%s'"):format(who, g.names[i]), 0)
      end
      seen[g.names[i]] = true
    end
  end
  local i, j = core.optim.same(all)
  if i then
    error(("%s: parameters %d and %d are the same tensor"):format(who, i, j), 0)
  end
end

return params
