-- The history file of the prompt: one entry a line, line breaks inside an entry as \n, so that a
-- block comes back as a block. Appended to as entries are made; several prompts may share it.
local util = require "vgg.util"

local history = {}
local limit = 10000

function history.encode(text) return (text:gsub("\\", "\\\\"):gsub("\n", "\\n")) end

function history.decode(line)
  return (line:gsub("\\(.)", function(c) return c == "n" and "\n" or c end))
end

-- Entries of a file, oldest first; a file that has grown past twice the limit is cut down.
function history.load(path)
  local file, entries = io.open(path, "r"), {}
  if not file then return entries end
  local lines = {}
  for line in file:lines() do lines[#lines + 1] = line end
  file:close()
  local first = math.max(1, #lines - limit + 1)
  for i = first, #lines do
    if lines[i] ~= "" then entries[#entries + 1] = history.decode(lines[i]) end
  end
  if #lines > 2 * limit then
    local temporary = path .. ".new"
    local out = io.open(temporary, "w")
    if out then
      out:write(table.concat(lines, "\n", first), "\n")
      out:close()
      os.rename(temporary, path)
    end
  end
  return entries
end

-- Appends one entry; a file that cannot be written is no reason to disturb anyone.
function history.append(path, text)
  local file = io.open(path, "a")
  if not file then return false end
  file:write(history.encode(text), "\n")
  file:close()
  return true
end

-- Where it lies; makes the directory with host.mkdir. nil without a home.
function history.path(host)
  local dir = util.state_dir()
  if not dir or not (host and host.mkdir and host.mkdir(dir)) then return nil end
  return dir .. "/history"
end

return history
