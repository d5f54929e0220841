-- Runs busted specs:  vgglua tests/run.lua [path, area or pattern]... [busted options]
-- "ops", "ops/pool", "tests/ops/pool_spec.lua" and "pool" all work; no argument runs everything.
-- Also under a stock luajit with vgg.so on LUA_CPATH. Last line: N passed, N failed, N skipped.
-- A test that leaves tensors alive fails. VGG_TEST_DEVICE=cuda makes all tensors there; tests that
-- are about the CPU ask tests.support.device and are skipped.
pcall(require, "vgg") -- before busted saves what is loaded, so that every spec sees the same core
local has_core, core = pcall(require, "vgg.core")

local device = os.getenv "VGG_TEST_DEVICE"
if has_core and device then core.set_default_device(device) end

local function exists(path)
  local f = io.open(path, "rb")
  if f then f:close() end
  return f ~= nil
end

-- A spec file, a directory below tests/ that holds some, or a pattern on file names.
local function roots(words)
  local paths, patterns = {}, {}
  for _, word in ipairs(words) do
    local plain = word:gsub("/+$", ""):gsub("^%./", "")
    local found
    for _, path in ipairs { "tests/" .. plain, plain, "tests/" .. plain .. "_spec.lua" } do
      local is_file = path:match("%.lua$") and exists(path)
      if not found and (is_file or exists(path .. "/.")) then found = path end
    end
    if found then
      paths[#paths + 1] = found
    else
      local escaped = plain:gsub("[%-.+*?^$()%[%]%%]", "%%%0")
      patterns[#patterns + 1] = "--pattern=" .. escaped .. ".*_spec"
    end
  end
  if #paths == 0 then paths[1] = "tests" end
  return paths, patterns
end

local function live_tensors()
  if not (has_core and core.device and core.device.host_memory) then return 0 end
  jit.flush() -- a compiled trace keeps the tensors it was specialised on
  collectgarbage()
  collectgarbage()
  return core.device.host_memory().tensors
end

-- busted's plain output with our last line, and the check for tensors left behind.
package.preload["busted.outputHandlers.vgg"] = function()
  return function(options)
    local busted = require "busted"
    local handler = require "busted.outputHandlers.plainTerminal"(options)
    local before
    busted.subscribe({ "test", "start" }, function()
      before = live_tensors()
      return nil, true
    end)
    busted.subscribe({ "test", "end" }, function(element, parent, status)
      local after = live_tensors()
      if status == "success" and after > before then
        busted.publish({ "error", "it" }, element, parent,
          ("%d tensors are still alive after the test"):format(after - before), element.trace)
      end
      return nil, true
    end, { priority = 2 })
    busted.subscribe({ "suite", "end" }, function()
      local failed = handler.failuresCount + handler.errorsCount
      print(("\n%d passed, %d failed, %d skipped"):format(handler.successesCount, failed,
        handler.pendingsCount))
      return nil, true
    end)
    return handler
  end
end

local words, flags = {}, {}
for _, a in ipairs(arg) do
  if a:sub(1, 1) == "-" then flags[#flags + 1] = a else words[#words + 1] = a end
end
local paths, patterns = roots(words)
local list = { [0] = arg[0], "--output=vgg" }
for _, group in ipairs { patterns, flags, paths } do
  for _, a in ipairs(group) do list[#list + 1] = a end
end
for i = 0, math.max(#arg, #list) do arg[i] = list[i] end -- luacheck: ignore 122

-- busted exits with the number of failures, which wraps at 256.
local compatibility = require "busted.compatibility"
compatibility.exit = function(code) os.exit(code == 0 and 0 or 1, true) end

require "busted.runner" { standalone = false }
os.exit(0, true)
