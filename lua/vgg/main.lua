-- The command line of the host: options, subcommands, script or REPL. Returns the exit code.
local util = require "vgg.util"

local usage = [=[
usage: vgglua [options] [script.lua [args]]
       vgglua COMMAND [args]

  -e CODE      run CODE
  -l MODULE    require MODULE and set the global of its name
  -i           read from the prompt after the script
  -            run the script on standard input
  --version    versions of vgglua, LuaJIT, oneDNN and what the CPU offers
  --help       this text

Without a script: the prompt on a terminal, else standard input as a script.]=]

-- One line each; the word is the file name in lua/vgg/cmd.
local commands = {
  attach = "a prompt inside a training that runs (started with --repl)",
  report = "everything about runs in one HTML file that opens from disk",
  compare = "two runs or more side by side: curves, best epochs, tests, classes",
  fetch = "download and check CIFAR-10 or pretrained weights",
  watch = "the curves of a run in the terminal, live",
  summary = "layers, MACs and training memory of a model, checkpoint or run",
  inspect = "what a checkpoint or file of weights holds",
  export = "weights as .pth, .safetensors or Lightning's .ckpt",
  doctor = "what is installed, found and set, and where each value comes from",
}
local root = debug.getinfo(1, "S").source:match("^@(.*)main%.lua$")
for name in pairs(commands) do
  if not util.exists(root .. "cmd/" .. name .. ".lua") then commands[name] = nil end
end

local function command_help()
  local lines = {}
  for _, name in ipairs(util.keys(commands)) do
    lines[#lines + 1] = ("  %-12s %s"):format(name, commands[name])
  end
  return "\n\nCommands (vgglua COMMAND --help tells more):\n" .. table.concat(lines, "\n")
end

local function usage_error(fmt, ...)
  util.fail("usage", "vgglua: " .. fmt .. "\nTry: vgglua --help", ...)
end

-- Splits argv (1-based, argv[1] is the program) into actions and the rest.
local function parse(argv)
  local todo, i = { run = {} }, 2
  local function value(option)
    if #argv[i] > 2 then return argv[i]:sub(3) end
    i = i + 1
    if not argv[i] then usage_error("option %s needs a value", option) end
    return argv[i]
  end
  while argv[i] do
    local a = argv[i]
    if a == "--" then
      i = i + 1
      break
    elseif a == "-" or a:sub(1, 1) ~= "-" then
      break
    elseif a:match("^%-e") then
      todo.run[#todo.run + 1] = { "e", value "-e" }
    elseif a:match("^%-l") then
      todo.run[#todo.run + 1] = { "l", value "-l" }
    elseif a == "-i" then
      todo.interactive = true
    elseif a == "--version" or a == "-v" or a == "-V" then
      todo.version = true
    elseif a == "--help" or a == "-h" then
      todo.help = true
    else
      usage_error("unknown option %s%s", a,
        util.hint(a, { "--version", "--help" }):gsub("^ %((.*)%)$", ". D%1"):gsub("Ddid", "Did"))
    end
    i = i + 1
  end
  todo.first = i
  return todo
end

local function set_arg(argv, first)
  local t = {}
  for i = 1, #argv do t[i - first] = argv[i] end
  arg = t -- luacheck: ignore 121
  return unpack(argv, first + 1)
end

local function dispatch(name, argv, first)
  if commands[name] then
    set_arg(argv, first)
    arg[0] = "vgglua " .. name -- luacheck: ignore 122
    return require("vgg.cmd." .. name)(unpack(argv, first + 1))
  end
  if name ~= "-" and not name:find("[/.]") and not util.exists(name) then
    local near = util.suggest(name, util.keys(commands))
    usage_error("no command and no script '%s'.%s Commands: %s", name,
      near and (" Did you mean '%s'?"):format(near) or "",
      table.concat(util.keys(commands), " "))
  end
  return require("vgg.script").run(name, set_arg(argv, first))
end

-- Loggers learn how the program ends while Lua still runs.
local function close_loggers(code)
  local log = package.loaded["vgg.log"]
  if log then log.close_all(log.outcome(code)) end
end

-- os.exit closes the state, so that files are flushed and closed whoever ends the run.
local function close_at_exit()
  local exit = os.exit
  os.exit = function(code, close) -- luacheck: ignore 122
    close_loggers((code == nil or code == true) and 0 or tonumber(code) or 1)
    return exit(code == nil and 0 or code, close ~= false)
  end
end

local function run_options(list)
  for _, step in ipairs(list) do
    if step[1] == "e" then
      require("vgg.script").run_text(step[2], "=(command line)")
    else
      _G[step[2]:match("[^.]*$")] = require(step[2]) -- luacheck: ignore 122
    end
  end
end

local function run(...)
  local argv = { ... }
  local todo = parse(argv)
  if todo.help then
    print(usage .. command_help())
    return 0
  end
  if todo.version then
    print(require("vgg.versions").text())
    return 0
  end
  close_at_exit()
  require("vgg.core").signals.watch()
  local name = argv[todo.first]
  local repl = todo.interactive or (not name and #todo.run == 0 and util.isatty(0))
  set_arg(argv, name and todo.first or 1)
  run_options(todo.run)
  if repl then
    return require("vgg.repl").run { script = name, args = { select(todo.first + 1, ...) } }
  end
  if name then
    local status = dispatch(name, argv, todo.first)
    return type(status) == "number" and status or 0
  end
  if #todo.run == 0 then require("vgg.script").run("-") end
  return 0
end

return function(...)
  local errors = require "vgg.errors"
  local ok, result = xpcall(run, errors.handler, ...)
  close_loggers(ok and (tonumber(result) or 0) or util.is_failure(result) and result.exit or 1)
  if not ok then error(result, 0) end
  return result
end
