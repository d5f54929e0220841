-- Runs programs for specs: exit code, stdout and stderr; and the prompt through a pseudo-terminal.
local process = {}

local function quote(s) return "'" .. s:gsub("'", "'\\''") .. "'" end
process.quote = quote

local function exists(path)
  local f = path and io.open(path, "r")
  if f then f:close() end
  return f ~= nil
end

-- The host under test.
process.vgglua = os.getenv("VGGLUA") or "build/vgglua"

local function read(path)
  local f = assert(io.open(path, "rb"))
  local text = f:read("*a")
  f:close()
  return text
end

-- Runs a shell command; returns { code, out, err }. options.stdin: text.
function process.shell(command, options)
  local out, err, input = os.tmpname(), os.tmpname(), os.tmpname()
  local f = assert(io.open(input, "wb"))
  f:write(options and options.stdin or "")
  f:close()
  local status = os.execute(("{ %s\n} >%s 2>%s <%s"):format(command, out, err, input))
  local result = { code = math.floor(status / 256), out = read(out), err = read(err) }
  if status % 256 ~= 0 then result.code = 128 + status % 128 end
  for _, path in ipairs { out, err, input } do os.remove(path) end
  return result
end

-- Runs the host with arguments (an array).
function process.run(arguments, options)
  local words = {}
  for i, a in ipairs(arguments) do words[i] = quote(a) end
  local prefix = options and options.env and options.env .. " " or ""
  return process.shell(prefix .. process.vgglua .. " " .. table.concat(words, " "), options)
end

-- Path of the pseudo-terminal driver; nil and the reason where it was not built.
function process.driver()
  local path = os.getenv("VGGLUA_PTYDRIVE") or "build/ptydrive"
  if exists(path) then return path end
  return nil, "no " .. path
end

-- Runs the host on a pseudo-terminal with the steps of ptydrive. Escape sequences are left in.
function process.terminal(arguments, steps, env)
  local words = {}
  for i, a in ipairs(arguments) do words[i] = quote(a) end
  local command = ("env %s %s %s %s"):format(env or "", process.driver(), process.vgglua,
    table.concat(words, " "))
  return process.shell(command, { stdin = table.concat(steps, "\n") .. "\n" })
end

-- A fresh directory, removed by the returned function.
function process.directory()
  local path = os.tmpname()
  os.remove(path)
  assert(os.execute("mkdir " .. path) == 0)
  return path, function() os.execute("rm -rf " .. quote(path)) end
end

-- Writes a file.
function process.write(path, text)
  local f = assert(io.open(path, "wb"))
  f:write(text)
  f:close()
end

return process
