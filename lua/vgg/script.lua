-- Loads and runs scripts and chunks of text for the host and for embedding programs.
local errors = require "vgg.errors"
local util = require "vgg.util"

local script = {}

local function compile(text, name)
  local chunk, message = loadstring(text, name)
  if not chunk then util.fail("error", "%s", errors.syntax(message, text, name)) end
  return chunk
end

-- Directory listing for "did you mean": only the host can list.
local function nearby(path)
  local host = package.loaded["vgg.host"]
  local dir, file = path:match("^(.*/)([^/]*)$")
  local names = host and host.list and host.list(dir or ".")
  if not names then return "" end
  local near = util.suggest(file or path, names)
  return near and (". Did you mean '%s'?"):format((dir or "") .. near) or ""
end

-- The text of a script file ("-": standard input) without its #! line, and its chunk name.
function script.read(path)
  local file, why = io.stdin, nil
  if path ~= "-" then file, why = io.open(path, "rb") end
  if not file then
    util.fail("usage", "vgglua: cannot read script '%s': %s%s", path,
      why:gsub("^.*: ", ""):lower(), nearby(path))
  end
  local text
  text, why = file:read("*a")
  if path ~= "-" then file:close() end
  if not text then util.fail("usage", "vgglua: cannot read script '%s': %s", path, why) end
  if text:sub(1, 1) == "\27" then util.fail("usage", "vgglua: '%s' is compiled code", path) end
  return text:gsub("^#[^\n]*", ""), path == "-" and "=stdin" or "@" .. path
end

-- Compiles a script file; a syntax error is raised with its line and a caret.
function script.load(path)
  local text, name = script.read(path)
  return compile(text, name)
end

-- Modules beside the script can be required by it.
function script.add_directory(path)
  local dir = path:match("^(.*/)[^/]*$") or "./"
  local entry = dir .. "?.lua"
  if not (";" .. package.path .. ";"):find(";" .. entry .. ";", 1, true) then
    package.path = entry .. ";" .. package.path
  end
end

-- Runs a script file with its arguments as `...` and as the global `arg`.
function script.run(path, ...)
  if not (arg and arg[0] == path) then arg = { [0] = path, ... } end -- luacheck: ignore 121
  local chunk = script.load(path)
  script.add_directory(path)
  return chunk(...)
end

-- Runs text.
function script.run_text(text, name)
  return compile(text, name)()
end

return script
