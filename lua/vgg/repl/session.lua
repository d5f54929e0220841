-- What a prompt remembers: variables (in an environment table of its own, never in _G), the last
-- results, the text of every entry. Evaluates entries and shows results and errors.
local chunk = require "vgg.repl.chunk"
local errors = require "vgg.errors"
local pretty = require "vgg.pretty"
local util = require "vgg.util"

local Session = {}
Session.__index = Session

local here = debug.getinfo(1, "S")
errors.hide(here.short_src)
errors.hide((here.short_src:gsub("repl/session%.lua$", "repl.lua")))
errors.hide((here.short_src:gsub("session%.lua$", "commands.lua")))
local root = here.source:match("^@(.*/)repl/session%.lua$")

-- Parts of the library that have a name of their own at the prompt, where they exist.
local parts = {
  "nn", "optim", "data", "metric", "models", "train", "attacks", "probe", "show", "summary",
}

local function part_exists(name)
  return root and (util.exists(root .. name .. ".lua") or util.exists(root .. name .. "/init.lua"))
end

-- options: colour, width, host (vgg.host or a stand-in), core (vgg.core or nil), out, err (writers)
function Session.new(options)
  local self = setmetatable(options or {}, Session)
  self.vars, self.declared, self.sources, self.saved = {}, {}, {}, {}
  self.entry, self.failed = 0, false
  self.out = self.out or function(text) io.stdout:write(text) end
  self.err = self.err or function(text)
    io.stdout:flush()
    io.stderr:write(text)
    io.stderr:flush()
  end
  self.builtins = {
    who = function() self.out(self:who()) end,
    [chunk.identity] = function(...) return ... end,
  }
  self.lazy = { vgg = "vgg" }
  for _, name in ipairs(parts) do
    if part_exists(name) then self.lazy[name] = "vgg." .. name end
  end
  self.env = setmetatable({}, {
    __index = function(_, name) return self:read(name) end,
    __newindex = function(_, name, value)
      self.declared[name] = true
      self.vars[name] = value
    end,
  })
  return self
end

-- Value of a name without complaint, and whether there is such a name.
function Session:lookup(name)
  if self.declared[name] then return self.vars[name], true end
  if self.builtins[name] ~= nil then return self.builtins[name], true end
  if self.lazy[name] then
    local ok, value = pcall(require, self.lazy[name])
    if ok then return value, true end
    error(value, 0)
  end
  local value = rawget(_G, name)
  if value == nil then value = _G[name] end
  return value, value ~= nil
end

-- Every name that means something at the prompt, sorted.
function Session:names()
  local set = {}
  for _, t in ipairs { self.declared, self.builtins, self.lazy, _G } do
    for name in pairs(t) do if type(name) == "string" then set[name] = true end end
  end
  set[chunk.identity] = nil
  return util.keys(set)
end

function Session:read(name)
  local value, known = self:lookup(name)
  if not known then
    error(("no variable '%s'%s"):format(tostring(name), util.hint(tostring(name), self:names())), 3)
  end
  return value
end

-- ---- results ----

-- `_` and `_1` are the last result, `_9` the ninth before; what drops out can be collected.
function Session:remember(value)
  if value == nil then return end
  for i = 9, 2, -1 do self.builtins["_" .. i] = self.builtins["_" .. (i - 1)] end
  self.builtins._1, self.builtins._, self.builtins._LAST = value, value, value
end

local function shown_length(text)
  local plain = text:match("[^\n]*$"):gsub("\27%[[%d;]*m", "")
  local _, continuation = plain:gsub("[\128-\191]", "")
  return #plain - continuation
end

-- Appends a right-aligned duration to the last line where it fits, else on a line of its own.
function Session:with_time(text, seconds)
  if not (self.timing and seconds >= 0.05) then return text end
  local shown = util.duration(seconds)
  local room = self.width - shown_length(text) - #shown - 1
  shown = util.paint("dim", shown, self.colour)
  if text ~= "" and room < 2 then text, room = text .. "\n", self.width - #shown - 1 end
  if text == "" then room = 0 end
  return text .. (" "):rep(room) .. shown
end

function Session:show(info, seconds, n, values)
  local text = ""
  if n > 0 and not info.silent then
    text = pretty.results(n, values, { colour = self.colour, width = self.width })
  end
  text = self:with_time(text, seconds)
  if text ~= "" or (n > 0 and not info.silent) then self.out(text .. "\n") end
end

-- ---- errors ----

local function source_line(self, frame)
  local text = self.sources[frame.source]
  if text then
    local i = 0
    for line in (text .. "\n"):gmatch("(.-)\n") do
      i = i + 1
      if i == frame.line then return line end
    end
  end
  local file = frame.source:sub(1, 1) == "@" and io.open(frame.source:sub(2), "r")
  if not file then return end
  local i, found = 0, nil
  for line in file:lines() do
    i = i + 1
    if i == frame.line then
      found = line
      break
    end
  end
  file:close()
  return found
end

local function is_library(info) return root and info.source:sub(2, #root + 1) == root end

-- Message handler of entries: { message, frames } or, for an interrupt, the object itself.
local function handler(e)
  if type(e) == "table" and e.kind == "interrupted" then return e end
  local function keep(info) return not is_library(info) end
  return { message = errors.text(e), frames = errors.frames(2, keep), kind = e and
    util.is_failure(e) and e.kind or nil }
end

function Session:error_text(e, name)
  local message = e.message:gsub("^input %d+:%d+: ", "")
  local lines = { util.paint("red", "error: ", self.colour) .. message }
  for i, frame in ipairs(e.frames or {}) do
    if i > 10 then
      lines[#lines + 1] = ("  ... %d more"):format(#e.frames - 10)
      break
    end
    local where = frame.source == name and "input" or frame.path
    local line = source_line(self, frame)
    lines[#lines + 1] = ("  %s:%d: %s"):format(where, frame.line,
      line and line:match("^%s*(.-)%s*$") or frame.what)
    if self.lets_go and frame.source == name then break end -- below is the training
  end
  return table.concat(lines, "\n") .. "\n"
end

function Session:fail(e, seconds, name)
  self.failed = true
  if e.kind == "interrupted" then
    local more = e.message ~= "interrupted" and e.message .. "\n" or "" -- where, what was saved
    self.err((self.timing and " " or "") .. ("interrupted (%s)\n"):format(util.duration(seconds))
      .. more)
  else
    self.err(self:error_text(e, name))
  end
end

-- ---- entries ----

local function pack(ok, ...) return ok, select("#", ...), { ... } end

local function clock(self) return self.core and self.core.clock() or os.clock() end

-- Calls fn, and shows what it returns or raises. Returns whether it went well.
function Session:call(fn, info, name)
  local start = clock(self)
  if self.core then self.core.signals.reset() end
  local ok, n, values = pack(xpcall(fn, handler))
  if self.core then
    pcall(self.core.device.synchronise)
    self.core.signals.reset()
  end
  local seconds = clock(self) - start
  if not ok then
    self:fail(values[1], seconds, name)
    return false
  end
  self:remember(values[1])
  local shown, message = xpcall(function() self:show(info, seconds, n, values) end, handler)
  if not shown then self:fail(message, seconds, name) end
  return shown
end

-- Compiles an entry in the session's environment. Results of chunk.compile, and the chunk name.
function Session:compile(text)
  local name = "=input " .. (self.entry + 1)
  local fn, info, message = chunk.compile(text, name)
  if fn then
    self.entry = self.entry + 1
    self.sources[name] = text
    setfenv(fn, self.env)
    if jit then jit.off(fn, true) end
  elseif info == "error" then
    message = errors.syntax(message, text, name):gsub("^input %d+:%d+: ", "")
  end
  return fn, info, message or name
end

-- Evaluates one entry: true, false after an error, or nil, "incomplete".
function Session:eval(text)
  local fn, info, message = self:compile(text)
  if not fn then
    if info == "incomplete" then return nil, "incomplete" end
    if info == "empty" then return true end
    self.failed = true
    self.err(util.paint("red", "error: ", self.colour) .. message .. "\n")
    return false
  end
  local ok = self:call(fn, info, message)
  if ok then self.saved[#self.saved + 1] = text end
  return ok
end

-- Runs a script so that its top-level locals are variables of the prompt.
function Session:run_script(path, ...)
  local script = require "vgg.script"
  local text, name = script.read(path)
  local fn, message = loadstring(text, name)
  if not fn then util.fail("error", "%s", errors.syntax(message, text, name)) end
  fn = assert(loadstring(chunk.globalise(text), name))
  script.add_directory(path)
  return setfenv(fn, self.env)(...)
end

-- ---- who ----

-- Table of the session's variables.
function Session:who()
  local names, widest = util.keys(self.declared), 4
  if #names == 0 then return "no variables yet\n" end
  for _, name in ipairs(names) do widest = math.max(widest, #name) end
  local lines = {}
  for _, name in ipairs(names) do
    lines[#lines + 1] = ("%-" .. widest .. "s  %s\n"):format(name, pretty.brief(self.vars[name]))
  end
  return table.concat(lines)
end

return Session
