-- Small helpers the rest of the library leans on: errors that carry an exit code, suggestions for
-- misspelt names, readable numbers and times, and messages on stderr. Needs nothing but Lua.
local util = {}

-- Exit codes of the command line, by kind of failure.
util.exit_codes = {
  help = 0, error = 1, usage = 2, data = 3, numbers = 4, device = 5, memory = 5,
  interrupted = 130, terminated = 143,
}

local Failure = {}
Failure.__index = Failure
function Failure:__tostring() return self.message end
Failure.__name = "vgg.Failure"

-- Makes an error object without raising it.
function util.failure(kind, fmt, ...)
  local exit = util.exit_codes[kind]
  if not exit then error("util.fail: no kind '" .. tostring(kind) .. "'", 2) end
  local message = select("#", ...) > 0 and fmt:format(...) or fmt
  return setmetatable({ kind = kind, message = message, exit = exit }, Failure)
end

-- Raises an error object { kind, message, exit }: the host prints `message` alone and ends with
-- `exit`. Kinds: usage 2, data 3, numbers 4, device and memory 5, interrupted 130, terminated 143.
function util.fail(kind, fmt, ...)
  error(util.failure(kind, fmt, ...), 0)
end

-- True for what util.fail raises (and for interrupts raised by the core).
function util.is_failure(e)
  return type(e) == "table" and type(e.exit) == "number" and type(e.message) == "string"
end

-- Edit distance of two strings with swaps of neighbours counted as one; gives up above `limit`.
function util.distance(a, b, limit)
  limit = limit or math.huge
  if math.abs(#a - #b) > limit then return limit + 1 end
  local before, row = nil, {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local new, best = { [0] = i }, i
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      local d = math.min(row[j] + 1, new[j - 1] + 1, row[j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        d = math.min(d, before[j - 2] + 1)
      end
      new[j] = d
      if d < best then best = d end
    end
    if best > limit then return limit + 1 end
    before, row = row, new
  end
  return row[#b]
end

local function plain(s) return (s:lower():gsub("[-_.]", "")) end

-- The candidate (an array, or the keys of a table) nearest to `name` within two edits, or nil.
-- Case and the separators - _ . do not count; a name of three letters or fewer allows one edit.
function util.suggest(name, candidates)
  local want, best, best_d = plain(name), nil, math.min(#name, #name <= 3 and 2 or 3)
  local function try(c)
    if type(c) ~= "string" or c == name then return end
    local d = util.distance(want, plain(c), 2)
    if d < best_d or (d == best_d and best and c < best) then best, best_d = c, d end
  end
  if candidates[1] ~= nil then
    for _, c in ipairs(candidates) do try(c) end
  else
    for c in pairs(candidates) do try(c) end
  end
  return best
end

-- " (did you mean 'x'?)" or "", ready to be appended to a message.
function util.hint(name, candidates)
  local near = util.suggest(name, candidates)
  return near and (" (did you mean '%s'?)"):format(near) or ""
end

-- The keys of a table, sorted (strings only).
function util.keys(t)
  local keys = {}
  for k in pairs(t) do if type(k) == "string" then keys[#keys + 1] = k end end
  table.sort(keys)
  return keys
end

-- Fails with a suggestion when `options` has a string key that is not a key of `known`.
function util.check_options(who, options, known, level)
  for _, k in ipairs(util.keys(options)) do
    if known[k] == nil then
      error(("%s: unknown option '%s'%s"):format(who, k, util.hint(k, util.keys(known))),
        (level or 2) + 1)
    end
  end
end

-- 1234567 -> "1,234,567"; numbers with a fraction keep it.
function util.count(n)
  local whole, rest = ("%.14g"):format(n):match("^(-?%d+)(.*)$")
  if not whole or rest:find("e", 1, true) then return tostring(n) end
  local sign, digits = whole:match("^(-?)(%d+)$")
  digits = digits:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", "")
  return sign .. digits .. rest
end

-- 1234567890 -> "1.2 GB" (powers of ten).
function util.bytes(n)
  local units, i = { "B", "kB", "MB", "GB", "TB", "PB" }, 1
  while math.abs(n) >= 999.5 and i < #units do n, i = n / 1000, i + 1 end
  if i == 1 then return ("%d B"):format(n) end
  return (math.abs(n) < 9.95 and "%.1f %s" or "%.0f %s"):format(n, units[i])
end

local amounts = { k = 1e3, m = 1e6, g = 1e9, t = 1e12, ki = 2 ^ 10, mi = 2 ^ 20, gi = 2 ^ 30,
  ti = 2 ^ 40, [""] = 1 }

-- "16GiB", "900 MB", "2e9" or a number -> bytes, or nil.
function util.parse_bytes(text)
  if type(text) == "number" then return text >= 0 and text or nil end
  local n, unit = tostring(text):match("^%s*([%d.]+e?%d*)%s*(%a*)%s*$")
  local factor = unit and amounts[(unit:lower():gsub("b$", ""))]
  return n and factor and tonumber(n) and tonumber(n) * factor or nil
end

-- Seconds -> "61 ms", "8.4 s", "8:41", "4.4 h", "2.1 days".
function util.duration(s)
  if s < 0.9995 then return ("%.0f ms"):format(s * 1000) end
  if s < 59.95 then return ("%.1f s"):format(s) end
  if s < 3599.5 then
    s = math.floor(s + 0.5)
    return ("%d:%02d"):format(math.floor(s / 60), s % 60)
  end
  if s < 48 * 3600 then return ("%.1f h"):format(s / 3600) end
  return ("%.1f days"):format(s / 86400)
end

-- "DD:HH:MM:SS", "1h30m", "20m", "1200s" or a plain number of seconds -> seconds, or nil, message.
function util.parse_duration(text)
  local s = tostring(text)
  local d, h, m, sec = s:match("^(%d+):(%d%d?):(%d%d?):(%d%d?)$")
  if d then return ((d * 24 + h) * 60 + m) * 60 + sec end
  if tonumber(s) and tonumber(s) >= 0 then return tonumber(s) end
  local unit = { d = 86400, h = 3600, m = 60, s = 1 }
  local total, rest = 0, s
  while rest ~= "" do
    local n, u, tail = rest:match("^(%d+%.?%d*)([dhms])(.*)$")
    if not n then break end
    total, rest = total + n * unit[u], tail
  end
  if rest == "" and s ~= "" then return total end
  local a, b, c = s:match("^(%d+):(%d%d?):(%d%d?)$")
  local example = "00:00:20:00 or 20m"
  local words = "20 minutes"
  if a then
    local minutes = a * 60 + b
    words = c + 0 > 0 and ("%d min %d s"):format(minutes, c) or ("%d minutes"):format(minutes)
    example = ("00:%02d:%02d:%02d or %dm%s"):format(a, b, c, minutes,
      c + 0 > 0 and ("%ds"):format(c) or "")
  end
  return nil, ('"%s" is not DD:HH:MM:SS (for %s write %s)'):format(s, words, example)
end

local function host() return package.loaded["vgg.host"] end

-- True when the interpreter is vgglua (or an embedding program), which maps error objects to
-- exit codes; false in a stock luajit.
function util.hosted() return host() ~= nil end

local tty = {}
-- True when file descriptor `fd` (0 stdin, 1 stdout, 2 stderr) is a terminal.
function util.isatty(fd)
  if tty[fd] == nil then
    local h = host()
    if h and h.isatty then
      tty[fd] = h.isatty(fd)
    else
      tty[fd] = os.execute(("test -t %d"):format(fd)) == 0
    end
  end
  return tty[fd]
end

-- True when text on `fd` may carry colour: a terminal, NO_COLOR unset or empty, TERM not dumb.
function util.colour(fd)
  local no, term = os.getenv("NO_COLOR"), os.getenv("TERM")
  if no and no ~= "" then return false end
  if not term or term == "" or term == "dumb" then return false end
  return util.isatty(fd)
end

local sgr = {
  bold = 1, dim = 2, red = 31, green = 32, yellow = 33, blue = 34, magenta = 35, cyan = 36,
}
-- Wraps text in a terminal colour when `on`.
function util.paint(colour, text, on)
  if not on then return text end
  return ("\27[%dm%s\27[0m"):format(sgr[colour], text)
end

-- Width of the terminal in columns, 80 where it is not known.
function util.width()
  local h = host()
  return h and h.columns and h.columns() or tonumber(os.getenv("COLUMNS")) or 80
end

local quiet = false
-- Sets or, without an argument, asks whether progress and notes are kept off stderr.
function util.quiet(on)
  if on ~= nil then quiet = on end
  return quiet
end

local levels = {
  info = {}, note = {}, warn = { "warning: ", "yellow" }, error = { "error: ", "red" },
}
-- One line on stderr. Levels: info and note (silenced by --quiet), warn (yellow), error (red).
function util.log(level, fmt, ...)
  local style = levels[level]
  if not style then error("util.log: no level '" .. tostring(level) .. "'", 2) end
  if quiet and not style[1] then return end
  local text = select("#", ...) > 0 and fmt:format(...) or fmt
  if style[1] then text = util.paint(style[2], style[1], util.colour(2)) .. text end
  io.stderr:write(text, "\n")
  io.stderr:flush()
end

-- Whether a file can be opened for reading.
function util.exists(path)
  local f = io.open(path, "rb")
  if f then f:close() end
  return f ~= nil
end

-- Last part of a path.
function util.basename(path) return path:match("([^/]*)/*$") end

-- A string as one word for sh.
function util.shell_quote(s) return "'" .. s:gsub("'", "'\\''") .. "'" end

-- The state directory of the XDG rules for vgglua, e.g. ~/.local/state/vgglua; nil without HOME.
function util.state_dir()
  local base, home = os.getenv("XDG_STATE_HOME"), os.getenv("HOME")
  if base and base:sub(1, 1) == "/" then return base .. "/vgglua" end
  return home and home ~= "" and home .. "/.local/state/vgglua" or nil
end

return util
