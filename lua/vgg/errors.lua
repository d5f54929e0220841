-- What an error looks like to a user: the message, then only Lua frames; for a syntax error the
-- source line with a caret. The message handler of the host and of embedding programs.
local util = require "vgg.util"

local errors = {}

local hidden = {}
-- Leaves the frames of these chunk names (as debug.getinfo's short_src) out of every list.
function errors.hide(short_src) hidden[short_src] = true end
for _, name in ipairs { "errors", "script", "main" } do
  local source = debug.getinfo(1, "S").short_src:gsub("errors%.lua$", name .. ".lua")
  errors.hide(source)
end

local root = debug.getinfo(1, "S").source:match("^@(.*)vgg/errors%.lua$")

-- Path as shown: files of the library from vgg/ on.
local function shown(info)
  if root and root ~= "" and info.source:sub(2, #root + 1) == root then
    return info.source:sub(#root + 2)
  end
  return info.short_src
end

local function what(info)
  if info.what == "main" then return "in main chunk" end
  if info.name then
    return ("in %s '%s'"):format(info.namewhat == "method" and "method" or "function", info.name)
  end
  return ("in a function from line %d"):format(info.linedefined)
end

-- The Lua frames above `level` as { source, line, text }, innermost first. keep(info) filters.
function errors.frames(level, keep)
  local list = {}
  for i = level + 1, 1000 do
    local info = debug.getinfo(i, "Sln")
    if not info then break end
    if info.what ~= "C" and not hidden[info.short_src] and (not keep or keep(info)) then
      list[#list + 1] = {
        source = info.source, line = info.currentline, path = shown(info), what = what(info),
        text = ("%s:%d: %s"):format(shown(info), info.currentline, what(info)),
      }
    end
  end
  return list
end

local function as_text(e)
  if type(e) == "string" then return e end
  local meta = getmetatable(e)
  if type(meta) == "table" and meta.__tostring then
    local ok, text = pcall(tostring, e)
    if ok then return text end
  end
  if type(e) == "number" then return tostring(e) end
  return ("an error that is not a string but a %s value"):format(type(e))
end
errors.text = as_text

-- Message handler: error objects pass as they are, everything else gets the frames and exit 1.
function errors.handler(e)
  if util.is_failure(e) then return e end
  local lines = { as_text(e) }
  local frames = errors.frames(2)
  for i, frame in ipairs(frames) do
    if i == 16 and #frames > 20 then
      lines[#lines + 1] = ("  ... %d more"):format(#frames - 20)
    end
    if i < 16 or #frames <= 20 or i > #frames - 5 then lines[#lines + 1] = "  " .. frame.text end
  end
  local f = util.failure("error", "%s", table.concat(lines, "\n"))
  f.value = e
  return f
end

local function nth_line(source, n)
  local i = 0
  for line in (source .. "\n"):gmatch("(.-)\r?\n") do
    i = i + 1
    if i == n then return line end
  end
end

-- Where on its line the token of a syntax error stands: the first occurrence after which the source
-- can be cut and still fails the same way.
local function column(source, name, n, message, token)
  local line, before = nth_line(source, n), 0
  if not line then return end
  if token == "<eof>" then return #line + 1 end
  for _ = 1, n - 1 do before = source:find("\n", before + 1, true) end
  local from, last = 1, nil
  while true do
    local a, b = line:find(token, from, true)
    if not a then return last end
    local _, again = loadstring(source:sub(1, before + b), name)
    if again == message then return a end
    last, from = a, a + 1
  end
end

-- A message of loadstring with the source line and a caret under the token it complains about.
function errors.syntax(message, source, name)
  local n, rest = message:match(":(%d+): (.*)$")
  n = tonumber(n)
  local token = rest and rest:match(" near '(.*)'$")
  local line = n and nth_line(source, n)
  if not line or not line:match("%S") then return message end
  local lines = { message, "  " .. line }
  local col = token and column(source, name, n, message, token)
  if col then lines[#lines + 1] = "  " .. line:sub(1, col - 1):gsub("[^\t]", " ") .. "^" end
  return table.concat(lines, "\n")
end

return errors
