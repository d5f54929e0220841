-- What the program prints, for the run's console: print, io.write and the write method of standard
-- output and error are listened to while a run is open. Lines overwritten by a progress bar count
-- as they stand in the end.
local console = {}

local listeners = {}
local original

-- The text left of a line that was rewritten with carriage returns.
local function visible(line)
  local text = ""
  for part in (line .. "\r"):gmatch "([^\r]*)\r" do
    if part ~= "" then text = part end
  end
  return (text:gsub("\27%[[%d;?]*[A-Za-ln-z]", "")) -- cursor movements, not colours
end

local function feed(self, stream, text)
  local pending = self.pending[stream] .. text
  local from = 1
  while true do
    local at = pending:find("\n", from, true)
    if not at then break end
    self.take(stream, visible(pending:sub(from, at - 1)))
    from = at + 1
  end
  pending = pending:sub(from)
  if #pending > 4096 then pending = visible(pending):sub(-4096) end
  self.pending[stream] = pending
end

local busy = false
local function tell(stream, ...)
  if busy then return end -- a listener that prints
  busy = true
  local parts = { ... }
  for i = 1, select("#", ...) do parts[i] = tostring(parts[i]) end
  local text = table.concat(parts)
  for _, l in ipairs(listeners) do pcall(feed, l, stream, text) end
  busy = false
end

local function listen()
  local methods = getmetatable(io.stdout).__index
  original = { write = methods.write, print = print, io_write = io.write, methods = methods }
  local stdout, stderr = io.stdout, io.stderr
  function methods.write(file, ...)
    if file == stdout then tell("stdout", ...) elseif file == stderr then tell("stderr", ...) end
    return original.write(file, ...)
  end
  function io.write(...) -- luacheck: ignore 122
    if io.output() == stdout then tell("stdout", ...) end
    return original.io_write(...)
  end
  rawset(_G, "print", function(...)
    local parts = { ... }
    for i = 1, select("#", ...) do parts[i] = tostring(parts[i]) end
    tell("stdout", table.concat(parts, "\t"), "\n")
    return original.print(...)
  end)
end

local function restore()
  original.methods.write = original.write
  io.write = original.io_write -- luacheck: ignore 122
  rawset(_G, "print", original.print)
end

-- Calls take("stdout" | "stderr", line) for every line printed from now on. Returns what stop
-- takes.
function console.start(take)
  local l = { take = take, pending = { stdout = "", stderr = "" } }
  if #listeners == 0 then listen() end
  listeners[#listeners + 1] = l
  return l
end

function console.stop(l)
  for stream, text in pairs(l.pending) do
    if visible(text) ~= "" then feed(l, stream, "\n") end
  end
  for i, other in ipairs(listeners) do
    if other == l then
      table.remove(listeners, i)
      if #listeners == 0 then restore() end
      return
    end
  end
end

return console
