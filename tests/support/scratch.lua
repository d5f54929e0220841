-- A directory of its own for a spec, removed at its end.
local fs = require "vgg.core".fs

local scratch = {}

local function wipe(path)
  for _, name in ipairs(fs.list(path) or {}) do wipe(path .. "/" .. name) end
  fs.remove(path)
end

function scratch.new()
  local dir = os.tmpname()
  os.remove(dir)
  assert(fs.mkdir(dir))
  return dir, function() wipe(dir) end
end

function scratch.read(path)
  local f = assert(io.open(path, "rb"))
  local data = f:read("*a")
  f:close()
  return data
end

-- Writes a file, with the directories above it.
function scratch.write(path, data)
  assert(fs.mkdir((path:match "^(.*)/")))
  local f = assert(io.open(path, "wb"))
  f:write(data)
  f:close()
end

return scratch
