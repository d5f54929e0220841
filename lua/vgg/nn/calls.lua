-- How a module is called: hooks, shapes of the first forward, and the path of the layer in errors,
-- added once at the outermost call.
local calls = {}

local library = debug.getinfo(1, "S").source:match "^(.*/)nn/calls%.lua$" or "@vgg/"

-- Raises a mistake at the first position outside this library.
function calls.mistake(fmt, ...)
  local level = 2
  while true do
    local info = debug.getinfo(level, "S")
    if not info then break end
    if info.what ~= "C" and info.source:sub(1, #library) ~= library then break end
    level = level + 1
  end
  error(select("#", ...) > 0 and fmt:format(...) or fmt, level)
end

local stack, depth = {}, 0 -- the modules that are running, outermost first

local function shape_of(value)
  return type(value) == "userdata" and value.shape or false
end

local function leave(module, d, x, y, ...)
  local hooks = rawget(module, "_hooks")
  if hooks then
    for i = 1, #hooks do
      local other = hooks[i](module, x, y)
      if other ~= nil then y = other end
    end
  end
  if not rawget(module, "_out") then
    rawset(module, "_in", shape_of(x))
    rawset(module, "_out", shape_of(y))
  end
  depth = d - 1
  return y, ...
end

local function run(module, x, ...)
  local d = depth + 1
  depth = d
  stack[d] = module
  local hooks = rawget(module, "_pre_hooks")
  if hooks then
    for i = 1, #hooks do
      local other = hooks[i](module, x)
      if other ~= nil then x = other end
    end
  end
  return leave(module, d, x, module:forward(x, ...))
end

local function name_in(parent, child)
  local modules = rawget(parent, "_modules")
  for name, module in pairs(modules) do
    if module == child then return name end
  end
end

-- "features.1 (Conv2d 3 -> 64)" of the innermost running module.
local function where()
  local inner, at = stack[depth], stack[depth]
  local path = ""
  for i = depth - 1, 1, -1 do
    local name = name_in(stack[i], at)
    if name then path, at = path == "" and name or name .. "." .. path, stack[i] end
  end
  local label = inner:describe()
  return path == "" and label or ("%s (%s)"):format(path, label)
end

-- Positions inside this library say nothing to a user; positions in his own files stay.
function calls.without_position(text)
  return (text:gsub("^[^\n:]-vgg/[%w_/]-%.lua:%d+: ", ""))
end

local function decorate(e)
  if depth == 0 then return e end
  local ok, place = pcall(where)
  if not ok then return e end
  if type(e) == "string" then return place .. ": " .. calls.without_position(e) end
  if type(e) == "table" and type(e.message) == "string" and e.kind ~= "interrupted"
    and e.kind ~= "terminated" then
    e.message = place .. ": " .. e.message
  end
  return e
end

local function finish(ok, ...)
  depth = 0
  for i = #stack, 1, -1 do stack[i] = nil end
  if ok then return ... end
  local e = ...
  error(e, 2)
end

-- model(x, ...)
function calls.call(module, ...)
  if depth > 0 then return run(module, ...) end
  return finish(xpcall(run, decorate, module, ...))
end

return calls
