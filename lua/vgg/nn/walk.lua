-- Walking a tree of modules: the methods of nn.Module that iterate, count and find by path.
local calls = require "vgg.nn.calls"
local util = require "vgg.util"

local walk = {}

local function iterate(names, values)
  local i = 0
  return function()
    i = i + 1
    return names[i], values[i]
  end
end

-- Iterates name, module in order, the module itself first with the name "".
function walk:named_modules()
  local names, modules, seen = {}, {}, {}
  local function visit(module, name)
    if seen[module] then return end
    seen[module] = true
    names[#names + 1], modules[#modules + 1] = name, module
    for _, key in ipairs(module._order) do
      visit(module._modules[key], name == "" and key or name .. "." .. key)
    end
  end
  visit(self, "")
  return iterate(names, modules)
end

-- Iterates name, child of the direct children.
function walk:named_children()
  local children = {}
  for i, name in ipairs(self._order) do children[i] = self._modules[name] end
  return iterate(self._order, children)
end

local function named_tensors(self, want_buffers, prefix)
  if prefix then self:get(prefix) end
  local names, tensors, seen = {}, {}, {}
  for path, module in self:named_modules() do
    for _, key in ipairs(module._names) do
      local tensor, is_buffer = module._tensors[key], module._buffers[key] or false
      if is_buffer == want_buffers and not seen[tensor] then
        local name = path == "" and key or path .. "." .. key
        if not prefix or name == prefix or name:sub(1, #prefix + 1) == prefix .. "." then
          seen[tensor] = true
          names[#names + 1], tensors[#tensors + 1] = name, tensor
        end
      end
    end
  end
  return iterate(names, tensors)
end

-- Iterates "features.0.weight", tensor; with a prefix only what lies below it.
function walk:named_parameters(prefix) return named_tensors(self, false, prefix) end

-- The same for what is saved and moved but not trained: running statistics.
function walk:named_buffers(prefix) return named_tensors(self, true, prefix) end

-- The parameters as a plain array, all or those below a prefix ("classifier"). Their names travel
-- in its metatable, so that an optimizer can name its state after them.
function walk:parameters(prefix)
  local list, names = {}, {}
  for name, tensor in self:named_parameters(prefix) do
    list[#list + 1] = tensor
    names[#list] = name
  end
  return setmetatable(list, { names = names })
end

-- Number of values in the parameters, and of those that want a gradient.
function walk:num_parameters()
  local all, trained = 0, 0
  for _, tensor in self:named_parameters() do
    all = all + tensor.numel
    if tensor.requires_grad then trained = trained + tensor.numel end
  end
  return all, trained
end

local function names_in(module)
  local known = {}
  for _, name in ipairs(module._order) do known[#known + 1] = name end
  for _, name in ipairs(module._names) do known[#known + 1] = name end
  return known
end

-- The module or tensor at a path: "features.7", "features.0.weight".
function walk:get(path)
  local at, walked = self, {}
  for key in tostring(path):gmatch "[^.]+" do
    local is_module = type(at) == "table"
    local found = is_module and (at._modules[key] or at._tensors[key]) or nil
    if not found then
      local where = #walked > 0 and table.concat(walked, ".") or self.__name
      calls.mistake("no layer '%s' in %s%s", key, where,
        util.hint(key, is_module and names_in(at) or {}))
    end
    at, walked[#walked + 1] = found, key
  end
  return at
end

-- Every name that may follow the dot, for completion: children, tensors, fields, methods.
function walk:fields()
  local seen, list = {}, {}
  local function add(key)
    if type(key) == "string" and key:sub(1, 1) ~= "_" and not seen[key] then
      seen[key] = true
      list[#list + 1] = key
    end
  end
  for _, key in ipairs(names_in(self)) do add(key) end
  for _, key in ipairs(util.keys(self)) do add(key) end
  local cls = getmetatable(self)
  while cls do
    for _, key in ipairs(util.keys(cls)) do add(key) end
    cls = rawget(cls, "super")
  end
  return list
end

return walk
