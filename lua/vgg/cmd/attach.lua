-- `vgglua attach RUN`: a prompt inside a run that was started with --repl.
local cli = require "vgg.cli"
local util = require "vgg.util"

local spec = {
  "Opens a prompt inside a training that was started with --repl, between two of its steps. "
    .. "Leaving (Ctrl-D, :continue) lets the training go on. From a pipe: reads entries from "
    .. "standard input.",
  { "runs_dir", "runs", "where runs are kept" },
  args = "RUN",
}

local function connect(name, root)
  local core, runs = require "vgg.core", require "vgg.train.runs"
  local dir = core.fs.exists(name) and name or root .. "/" .. name
  if not core.fs.exists(dir) then
    util.fail("data", "attach: no run '%s' in '%s'%s", name, root,
      util.hint(name, core.fs.list(root) or {}))
  end
  local path = require("vgg.callbacks.attach").path(runs.at(dir))
  local line, why = core.attach.connect(path)
  if line then return line end
  util.fail("data", "attach: nobody listens in %s. Is it running, and was it started with --repl?"
    .. " (%s)", dir, why)
end

-- Asks the run for completions; returns what the line editor wants.
local function completer(line, json)
  return function(text, cursor)
    line:send(json.encode { complete = text, cursor = cursor } .. "\n")
    local answer = line:receive(2)
    local message = answer and json.decode(answer) or {}
    return message.start or cursor, message.words or {}, message.shown or {}
  end
end

local function reader(line, json)
  local host = package.loaded["vgg.host"]
  if not (host and host.readline and util.isatty(0) and util.isatty(1)) then
    return function() return io.read() end, false
  end
  local complete, colour = completer(line, json), util.colour(1)
  return function(prompt)
    local text, why = host.readline(colour and "\1\27[1m\1" .. prompt .. "\1\27[0m\1" or prompt,
      complete)
    if text and text:match "%S" then host.remember(text) end
    return text, why
  end, true
end

local function answer(line, json, read, prompt)
  local text, why = read(prompt)
  if text then
    line:send(json.encode { line = text } .. "\n")
  else
    line:send(json.encode { [why == "interrupt" and "interrupt" or "bye"] = true } .. "\n")
  end
end

local function converse(line, json, read)
  local core, told, since = require "vgg.core", false, require("vgg.core").clock()
  while true do
    local text, why = line:receive(0.5)
    local message = text and json.decode(text)
    if message then told = true end
    if why == "signal" then
      core.signals.reset()
      if not told then return end -- nothing is there yet to be stopped
      line:send "\3"
    elseif why == "closed" or message and message.bye then
      return
    elseif message and message.prompt then
      io.stdout:flush()
      answer(line, json, read, message.prompt)
    elseif message and (message.out or message.err) then
      local file = message.out and io.stdout or io.stderr
      file:write(message.out or message.err)
      file:flush()
    elseif not told and core.clock() - since > 1 then
      told = true
      util.log("note", "waiting for the end of the step")
    end
  end
end

return function(...)
  local opt = cli.parse(spec, { ... }, "vgglua attach")
  if #opt ~= 1 then util.fail("usage", "vgglua attach: want the name of one run") end
  local json = require "vgg.json"
  local line = connect(opt[1], opt.runs_dir)
  local read, terminal = reader(line, json)
  line:send(json.encode { width = util.width(), colour = util.colour(1), timing = terminal,
    graphics = require("vgg.show").protocol() } .. "\n")
  converse(line, json, read)
  line:close()
  return 0
end
