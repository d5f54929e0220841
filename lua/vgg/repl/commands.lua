-- What is not Lua at the prompt: ?name, :command, $ shell command.
local help = require "vgg.help"
local pretty = require "vgg.pretty"
local util = require "vgg.util"

local commands = {}
local list = {} -- name -> { usage, text, fn(session, argument) -> quit }

function commands.is_command(text)
  return text:match("^%s*%?") ~= nil or text:match("^%s*:%a") ~= nil or text:match("^%s*%$") ~= nil
end

-- Names of the commands, with their colon, sorted.
function commands.names()
  local names = {}
  for _, name in ipairs(util.keys(list)) do names[#names + 1] = ":" .. name end
  return names
end

local function add(usage, text, fn)
  list[usage:match("^%a+")] = { usage = ":" .. usage, text = text, fn = fn }
end

local function complain(session, fmt, ...)
  session.failed = true
  session.err(util.paint("red", "error: ", session.colour) .. fmt:format(...) .. "\n")
end

-- Value of an expression in the session, quietly; nil, message.
local function value_of(session, text)
  local fn = loadstring("return " .. text)
  if not fn then return nil, "not an expression: " .. text end
  local ok, value = pcall(setfenv(fn, session.env))
  if not ok then
    local message = type(value) == "table" and value.message or value
    return nil, (tostring(message):gsub("^%[string .-%]:%d+: ", ""))
  end
  return value
end

add("time EXPR", "run EXPR five times at least, show the median time", function(session, text)
  if text == "" then return complain(session, ":time wants an expression") end
  local fn, _, message = session:compile(text)
  if not fn then return complain(session, "%s", message) end
  local clock, times = session.core and session.core.clock or os.clock, {}
  local started = clock()
  local ok = session:call(function()
    repeat
      local from = clock()
      fn()
      if session.core then session.core.device.synchronise() end
      times[#times + 1] = clock() - from
    until #times >= 5 and (clock() - started > 0.5 or #times >= 1000) or clock() - started > 10
  end, {}, nil)
  if not ok then return end
  table.sort(times)
  local function shown(s)
    return s < 1e-3 and ("%.1f us"):format(s * 1e6) or s < 1 and ("%.2f ms"):format(s * 1e3) or
      util.duration(s)
  end
  session.out(("%s   median of %d, best %s\n"):format(shown(times[math.ceil(#times / 2)]), #times,
    shown(times[1])))
end)

add("mem", "memory of tensors, of the core and of Lua", function(session)
  collectgarbage()
  collectgarbage()
  if session.core then
    local d, h = session.core.device.memory(), session.core.device.host_memory()
    session.out(("tensors  %s live in %s blocks, %s cached, peak %s%s\n"):format(
      util.bytes(d.live), util.count(d.blocks), util.bytes(d.cached), util.bytes(d.peak),
      d.limit > 0 and ", limit " .. util.bytes(d.limit) or ""))
    session.out(("core     %s in %s blocks, %s tensor handles\n"):format(util.bytes(h.bytes),
      util.count(h.blocks), util.count(h.tensors)))
  end
  session.out(("Lua      %s\n"):format(util.bytes(collectgarbage("count") * 1024)))
end)

local function is_model(value)
  return type(value) == "table" and type(value.named_modules) == "function"
end

local function print_layers(session, model)
  local rows, widest, longest = {}, 4, 5
  for name, module in model:named_modules() do
    local what, how = module:describe()
    local text = (how ~= "" and what .. ", " .. how or what):sub(1, 60)
    rows[#rows + 1] = { name == "" and "(model)" or name, text,
      util.count((module:num_parameters())) }
    widest, longest = math.max(widest, #rows[#rows][1]), math.max(longest, #text)
  end
  for _, r in ipairs(rows) do
    session.out(("%-" .. widest .. "s  %-" .. longest .. "s  %12s\n"):format(unpack(r)))
  end
end

add("layers [MODEL]", "names of the layers, as the probe takes them", function(session, text)
  if text ~= "" then
    local model, why = value_of(session, text)
    if not is_model(model) then return complain(session, "%s", why or text .. " is not a model") end
    return print_layers(session, model)
  end
  local found = false
  for _, name in ipairs(util.keys(session.vars)) do
    if is_model(session.vars[name]) then
      found = true
      session.out(name .. "\n")
      print_layers(session, session.vars[name])
    end
  end
  if not found then session.out("no models among the variables\n") end
end)

-- The old table is filled anew, so that whoever holds it sees the new functions.
local function reload(name)
  local old = package.loaded[name]
  package.loaded[name] = nil
  local ok, new = pcall(require, name)
  if not ok then
    package.loaded[name] = old
    error(new, 0)
  end
  if type(old) == "table" and type(new) == "table" then
    for k in pairs(old) do old[k] = nil end
    for k, v in pairs(new) do old[k] = v end
    setmetatable(old, getmetatable(new))
    package.loaded[name] = old
  end
end

add("reload MODULE", "load a changed module again", function(session, name)
  if package.loaded[name] == nil and package.loaded["vgg." .. name] ~= nil then
    name = "vgg." .. name
  end
  if package.loaded[name] == nil then
    return complain(session, "no module '%s' is loaded%s", name,
      util.hint(name, util.keys(package.loaded)))
  end
  if session:call(function() reload(name) end, {}, nil) then
    session.out("loaded " .. name .. " again\n")
  end
end)

add("save FILE", "write what was typed (without what failed) to FILE", function(session, path)
  if path == "" then return complain(session, ":save wants a file name") end
  if not path:match("%.lua$") then path = path .. ".lua" end
  if util.exists(path) then return complain(session, "%s is there already", path) end
  local file, why = io.open(path, "w")
  if not file then return complain(session, "%s", why) end
  file:write(table.concat(session.saved, "\n"), "\n")
  file:close()
  session.out(("%s entries in %s\n"):format(util.count(#session.saved), path))
end)

add("who", "variables and what they hold", function(session) session.out(session:who()) end)

add("help", "this list", function(session)
  session.out("Lua is evaluated; values are shown, ; at the end silences. Also:\n")
  local function row(left, right) session.out(("  %-16s %s\n"):format(left, right)) end
  row("?NAME", "help on a function, class or variable")
  for _, name in ipairs(util.keys(list)) do row(list[name].usage, list[name].text) end
  row("$ COMMAND", "run a shell command")
  row("_  _1 ... _9", "the last result and the ones before it")
  row("Tab", "completes fields, methods, options, layers and file names")
  row("Ctrl-C Ctrl-D", "stop what runs or drop the line; quit")
end)

add("quit", "leave (also Ctrl-D)", function() return true end)

add("continue", "go on with the training (also Ctrl-D)", function(session)
  if session.lets_go then return true end
  complain(session, "nothing waits behind this prompt; :quit leaves")
end)

local function show_help(session, name)
  name = name:match("^%s*(.-)%s*$")
  if name == "" then return list.help.fn(session, "") end
  local value = value_of(session, name)
  local text = help.lookup(name, value)
  if text then
    session.out(text .. "\n")
  elseif type(value) == "function" then
    session.out(name .. ": a function of Lua 5.1 or LuaJIT, see their manuals\n")
  elseif value ~= nil then
    session.out(pretty.brief(value) .. "\n")
  else
    complain(session, "no help on '%s'%s", name, util.hint(name, help.names()))
  end
end

-- Runs a command line; returns true when the prompt shall end.
function commands.run(session, text)
  local question, rest = text:match("^%s*(%?)%s*(.-)%s*$")
  if question then return show_help(session, rest) end
  local shell = text:match("^%s*%$%s*(.-)%s*$")
  if shell then
    io.stdout:flush()
    if os.execute(shell) ~= 0 then session.failed = true end
    return
  end
  local name, argument = text:match("^%s*:(%a+)%s*(.-)%s*$")
  if not list[name] then
    return complain(session, "no command ':%s'%s", name, util.hint(name, util.keys(list)))
  end
  return list[name].fn(session, argument)
end

return commands
