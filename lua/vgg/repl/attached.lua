-- The prompt's side of a conversation over a socket: one JSON object a line. To the client go
-- { out = text }, { err = text }, { prompt = text }, { words =, shown =, start = } (completion)
-- and { bye = true }; from it come { line = text }, { complete = text, cursor = },
-- { interrupt = true } and { bye = true }.
local json = require "vgg.json"
local Session = require "vgg.repl.session"

local attached = {}

local function send(line, message) return line:send(json.encode(message) .. "\n") end
attached.send = send

-- print as Lua's, to the session.
local function printer(session)
  return function(...)
    local parts = {}
    for i = 1, select("#", ...) do parts[i] = tostring((select(i, ...))) end
    session.out(table.concat(parts, "\t") .. "\n")
  end
end

local function greeting(line)
  local text = line:receive(5)
  local hello = text and json.decode(text)
  return type(hello) == "table" and hello or {}
end

-- A session that talks to the client, which tells its width and whether it has colour first.
function attached.session(line, core)
  local hello = greeting(line)
  local session = Session.new {
    core = core, colour = hello.colour == true, width = hello.width or 80, timing = hello.timing,
    out = function(text) send(line, { out = text }) end,
    err = function(text) send(line, { err = text }) end,
  }
  session.builtins.print = printer(session)
  session.builtins.show = function(x, options)
    local o = { out = session.out, protocol = hello.graphics or "ascii" }
    for k, v in pairs(options or {}) do o[k] = v end
    return require "vgg.show"(x, o)
  end
  return session
end

local function completion(session, message, context)
  local complete = require "vgg.repl.complete"
  local text, cursor, before = message.complete, message.cursor, 0
  if session.pending then
    before = #session.pending + 1
    text, cursor = session.pending .. "\n" .. text, cursor + before
  end
  local start, words, shown = complete.complete(text, cursor, context)
  return { start = start - before, words = words, shown = shown or words }
end

-- A reader for repl.loop.
function attached.reader(session, line)
  local context = require("vgg.repl.complete").context(session)
  return function(first)
    line:running(false)
    if not send(line, { prompt = first and "vgg> " or "...> " }) then return nil, "eof" end
    while true do
      local text, why = line:receive(1)
      local message = text and json.decode(text)
      if type(message) ~= "table" then
        if why ~= "timeout" then return nil, "eof" end
      elseif message.line then
        line:running(true)
        return message.line
      elseif message.interrupt then
        return nil, "interrupt"
      elseif message.complete then
        send(line, completion(session, message, context))
      elseif message.bye then
        return nil, "eof"
      end
    end
  end
end

return attached
