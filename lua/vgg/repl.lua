-- The prompt: reads entries, hands them to the session, until the input ends. On a terminal with
-- line editing, history and colour; from a pipe (-i) without any of these, results and errors only.
local Session = require "vgg.repl.session"
local commands = require "vgg.repl.commands"
local util = require "vgg.util"

local repl = {}

local function banner(core)
  local versions = require "vgg.versions"
  return ("vgglua %s  %s  %s        ? help   who()   Ctrl-D quits"):format(core.version,
    versions.luajit():gsub("%-beta%d+", ""):gsub("^(LuaJIT %d+%.%d+)%.0", "%1"),
    (versions.cpu()))
end

-- A reader is a function(first) -> line, or nil, "eof" | "interrupt".
local function pipe_reader()
  return function()
    io.stdout:flush()
    local line = io.read()
    if line then return line end
    return nil, "eof"
  end
end

local function terminal_reader(session, host)
  local complete = require "vgg.repl.complete"
  local context = complete.context(session)
  local function on_tab(line, cursor)
    if session.pending then
      line, cursor = session.pending .. "\n" .. line, cursor + #session.pending + 1
      local start, words, shown = complete.complete(line, cursor, context)
      return start - #session.pending - 1, words, shown
    end
    return complete.complete(line, cursor, context)
  end
  local function prompt(text)
    if not session.colour then return text end
    return "\1\27[1m\1" .. text .. "\1\27[0m\1"
  end
  return function(first)
    io.stdout:flush()
    return host.readline(prompt(first and "vgg> " or "...> "), on_tab)
  end
end

-- Adds a line to the entry that is being typed; evaluates it when it is whole.
local function feed(session, text)
  if not session.pending and commands.is_command(text) then
    local quit = commands.run(session, text)
    return true, quit
  end
  local entry = session.pending and session.pending .. "\n" .. text or text
  local ok, why = session:eval(entry)
  session.pending = ok == nil and why == "incomplete" and entry or nil
  return session.pending == nil
end

-- Runs until the end of the input. Returns the exit code.
function repl.loop(session, read, remember)
  local entry
  while true do
    local line, why = read(session.pending == nil)
    if line then
      entry = entry and entry .. "\n" .. line or line
      local whole, quit = feed(session, line)
      if whole then
        if entry:match("%S") then remember(entry) end
        entry = nil
      end
      if quit then break end
    elseif why == "interrupt" then
      session.pending, entry = nil, nil
    else
      break
    end
  end
  if session.pending then
    session.failed = true
    session.err("error: the input ends in the middle of an entry\n")
  end
  return session.failed and 1 or 0
end

local recalled = false -- the line editor has the entries of former sessions

local function interactive(session, host, words)
  local history = require "vgg.repl.history"
  local path = history.path(host)
  for _, entry in ipairs(path and not recalled and history.load(path) or {}) do
    host.remember(entry)
  end
  recalled = true
  session.out(words .. "\n")
  local last
  local function remember(entry)
    if entry == last then return end
    last = entry
    host.remember(entry)
    if path then history.append(path, entry) end
  end
  local read = terminal_reader(session, host)
  repeat -- a Ctrl-C between two entries strikes the loop itself
    local done, why = pcall(repl.loop, session, read, remember)
    if not done then
      if type(why) ~= "table" or why.kind ~= "interrupted" then error(why, 0) end
      if session.core then session.core.signals.reset() end
      session.pending = nil
    end
  until done
  session.out("\n")
  return 0
end

-- A prompt in the middle of a program. options: words (said first), vars (names and values), line
-- (of vgg.core.attach; else the terminal). Returns what was typed and went well.
function repl.inside(options)
  local host, core = package.loaded["vgg.host"], require "vgg.core"
  local session, read
  if options.line then
    local attached = require "vgg.repl.attached"
    session = attached.session(options.line, core)
    read = attached.reader(session, options.line)
  else
    session = Session.new { host = host, core = core, colour = util.colour(1),
      width = util.width(), timing = true }
  end
  session.lets_go = true
  for name, value in pairs(options.vars or {}) do
    session.vars[name], session.declared[name] = value, true
  end
  local compiled = jit and jit.status()
  if compiled then -- compiled loops do not see Ctrl-C
    jit.off()
    jit.flush()
  end
  local ok, why = pcall(function()
    if not read then return interactive(session, host, options.words) end
    session.out(options.words .. "\n")
    repl.loop(session, read, function() end)
  end)
  if options.line then options.line:running(false) end
  if compiled then jit.on() end
  if not ok then error(why, 0) end
  return session.saved
end

-- Whether a prompt can be opened on this terminal; nil and the reason when not.
function repl.has_terminal()
  local host = package.loaded["vgg.host"]
  if not (host and host.readline) then return nil, "only vgglua has a prompt" end
  if util.isatty(0) and util.isatty(1) then return true end
  return nil, "standard input and output are no terminal"
end

-- options: script (run first, its locals become variables), args
function repl.run(options)
  local host, core = package.loaded["vgg.host"], require "vgg.core"
  local terminal = host and host.readline and util.isatty(0) and util.isatty(1)
  local session = Session.new {
    host = host, core = core, colour = util.colour(1), width = util.width(), timing = terminal,
  }
  if options and options.script then
    local ok = session:call(function()
      session:run_script(options.script, unpack(options.args or {}))
    end, {}, nil)
    if not ok and not terminal then return 1 end
  end
  if jit then -- compiled loops do not see Ctrl-C
    jit.off()
    jit.flush()
  end
  if terminal then return interactive(session, host, banner(core)) end
  return repl.loop(session, pipe_reader(), function() end)
end

return repl
