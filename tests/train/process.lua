-- Runs vgglua as a process of its own.
local process = {}

local function read(path)
  local f = assert(io.open(path, "rb"))
  local text = f:read "*a"
  f:close()
  return text
end

local program = os.getenv "VGGLUA" or os.getenv "PWD" .. "/build/vgglua"

-- process.run("script args", "VAR=1", "ulimit ...") -> { code =, out =, err = }; 128 + n for a
-- signal.
function process.run(args, variables, first)
  local out, err = os.tmpname(), os.tmpname()
  local line = ("%s; env %s %s %s >%s 2>%s </dev/null"):format(first or ":", variables or "",
    program, args, out, err)
  local status = os.execute("sh -c '" .. line:gsub("'", "'\\''") .. "; exit $?'")
  local result = { out = read(out), err = read(err) }
  result.code = status >= 256 and math.floor(status / 256) or 128 + status % 128
  if status == 0 then result.code = 0 end
  os.remove(out)
  os.remove(err)
  return result
end

return process
