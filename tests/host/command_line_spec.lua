-- The host's command line: options, scripts, exit codes, what errors look like.
local process = require "tests.support.process"

local run = process.run

describe("vgglua", function()
  local dir, remove
  before_each(function() dir, remove = process.directory() end)
  after_each(function() remove() end)

  local function script(text, name)
    local path = dir .. "/" .. (name or "script.lua")
    process.write(path, text)
    return path
  end

  it("runs -e and -l in order, then the script with its arguments", function()
    local path = script("print('script', arg[0]:match('[^/]*$'), #arg, ...)")
    local r = run { "-e", "x = 1", "-l", "vgg", "-e", "print(x, type(vgg.version))", path, "a",
      "-b" }
    assert.equal("1\tstring\nscript\tscript.lua\t2\ta\t-b\n", r.out)
    assert.equal(0, r.code)
    assert.equal("", r.err)
  end)

  it("runs standard input with - and when it is no terminal", function()
    assert.equal("in\ta\n", run({ "-", "a" }, { stdin = "print('in', ...)" }).out)
    assert.equal("in\n", run({}, { stdin = "print('in', ...)" }).out)
    assert.equal("", run({ "-e", "" }, { stdin = "print('in')" }).out)
  end)

  it("skips a #! line and keeps line numbers", function()
    local r = run { script("#!/usr/bin/env vgglua\nerror('here')") }
    assert.matches("script.lua:2: here", r.err, 1, true)
  end)

  it("maps failures to exit codes and prints their message alone", function()
    for kind, code in pairs { usage = 2, data = 3, numbers = 4, device = 5, memory = 5,
      interrupted = 130, terminated = 143 } do
      local r = run { "-e", ("require('vgg.util').fail(%q, 'why: %%d', 7)"):format(kind) }
      assert.equal(code, r.code)
      assert.equal("why: 7\n", r.err)
      assert.equal("", r.out)
    end
    assert.equal(3, run({ "-e", "os.exit(3)" }).code)
    assert.equal(0, run({ "-e", "os.exit()" }).code)
    assert.equal(1, run({ "-e", "os.exit(false)" }).code)
    assert.equal(1, run({ "-e", "error('x')" }).code)
  end)

  it("gives an exit code of its own to what the core refuses", function()
    local r = run { "-e", "local core = require 'vgg.core' core.device.set_memory_limit(1e6) " ..
      "core.empty({1000, 1000})" }
    assert.equal(5, r.code)
    assert.is_nil(r.err:find("stack", 1, true))
  end)

  it("shows Lua frames only", function()
    local r = run { script("local function f(x) return x.y.z end\n" ..
      "local function g() f({}) return 1 end\npcall(error)\nprint(g())\n") }
    assert.equal(1, r.code)
    local path = dir .. "/script.lua"
    assert.equal(path .. ":1: attempt to index field 'y' (a nil value)\n  " ..
      path .. ":1: in function 'f'\n  " .. path .. ":2: in function 'g'\n  " ..
      path .. ":4: in main chunk\n", r.err)
  end)

  it("shows the line of a syntax error with a caret", function()
    local r = run { script("local t = {\n  lr = 0.1,\n\tfoo(bar))\n}\n") }
    assert.equal(1, r.code)
    assert.equal(dir .. "/script.lua:3: '}' expected (to close '{' at line 1) near ')'\n" ..
      "  \tfoo(bar))\n  \t        ^\n", r.err)
    r = run { script("local t = {\n") }
    assert.matches("near '<eof>'", r.err, 1, true)
  end)

  it("closes the state at os.exit, so that finalisers run", function()
    local r = run { script("local u = newproxy(true)\n" ..
      "getmetatable(u).__gc = function() print('closed') end\nkeep = u\nos.exit(4)") }
    assert.equal(4, r.code)
    assert.equal("closed\n", r.out)
  end)

  it("requires modules beside the script", function()
    script("return { value = 12 }", "beside.lua")
    assert.equal("12\n", run({ script("print(require('beside').value)") }).out)
  end)

  it("says what it does not know, and runs nothing", function()
    local cases = {
      { { "--versoin" }, "vgglua: unknown option --versoin. Did you mean '--version'?" },
      { { "-e", "print(1)", "-x" }, "vgglua: unknown option -x" },
      { { "-e" }, "vgglua: option -e needs a value" },
      { { "docter" }, "no command and no script 'docter'. Did you mean 'doctor'?" },
      { { "deploy" }, "no command and no script 'deploy'." },
      { { dir .. "/scirpt.lua" }, "Did you mean '" .. dir .. "/script.lua'?" },
    }
    script("print(1)")
    for _, case in ipairs(cases) do
      local r = run(case[1])
      assert.equal(2, r.code)
      assert.equal("", r.out)
      assert.matches(case[2], r.err, 1, true)
    end
  end)

  it("tells versions and help", function()
    local r = run { "--version" }
    assert.equal(0, r.code)
    assert.matches("^vgglua %d+%.%d+%.%d+\nLuaJIT 2%.1%S* %(GC64%)\n", r.out)
    assert.matches("oneDNN 2%.", r.out)
    assert.matches("cpu x%d+", r.out)
    r = run { "--help" }
    assert.equal(0, r.code)
    assert.matches("usage: vgglua [options] [script.lua [args]]", r.out, 1, true)
    assert.matches("\n  doctor ", r.out)
    r = run { "doctor" }
    assert.equal(0, r.code)
    assert.matches("VGG_DATA", r.out)
    assert.equal(2, run({ "doctor", "--x" }).code)
  end)

  it("finds the Lua files through VGG_LUA_PATH and says so when it cannot", function()
    local r = run({ "-e", "" }, { env = "VGG_LUA_PATH=/nowhere" })
    assert.equal(1, r.code)
    assert.matches("no vgg/init.lua in '/nowhere'", r.err, 1, true)
    assert.equal(0, run({ "-e", "require 'vgg'" }, { env = "VGG_LUA_PATH=lua" }).code)
  end)

  it("has no globals of its own", function()
    local known = {}
    local stock = process.shell([[luajit -e 'for k in pairs(_G) do print(k) end']])
    if stock.code ~= 0 then return pending("no luajit to compare with") end
    for name in stock.out:gmatch("%S+") do known[name] = true end
    local host = run { "-e", "require 'vgg' require 'vgg.repl' for k in pairs(_G) do print(k) end" }
    for name in host.out:gmatch("%S+") do assert.is_true(known[name], "new global " .. name) end
  end)

  it("starts in under 20 ms of processor time and 15 MB", function()
    local best = math.huge
    for _ = 1, 5 do
      local measure = [[bash -c 'TIMEFORMAT="%U %S"; time VGG -e ""']]
      local r = process.shell((measure:gsub("VGG", function() return process.vgglua end)))
      local user, system = r.err:match("([%d.]+) ([%d.]+)")
      if user then best = math.min(best, user + system) end
    end
    if best == math.huge then return pending("no bash to measure with") end
    if os.getenv("VGGLUA_SANITIZE") then return pending("instrumented build") end
    assert.is_true(best < 0.020, ("start takes %.3f s"):format(best))
    local r = run { "-e", "for l in io.lines '/proc/self/status' do " ..
      "local kb = l:match('VmHWM:%s*(%d+)') if kb then print(kb) end end" }
    assert.is_true(tonumber(r.out) < 15000, "peak is " .. r.out .. " kB")
  end)
end)

describe("signals", function()
  -- Signals 0.25 s apart, after 0.6 s for the start on a busy machine; sh starts jobs with SIGINT
  -- ignored, so it is set back. Killed after 10 s.
  local function send(code, signals)
    local kills = {}
    for i, name in ipairs(signals) do
      kills[i] = ("sleep %s; kill -%s $p"):format(i == 1 and "0.6" or "0.25", name)
    end
    return process.shell(([[env --default-signal=INT %s -e %s & p=$!
      { sleep 10; kill -KILL $p; } >/dev/null 2>&1 </dev/null & w=$!
      %s; wait $p; s=$?; kill $w; exit $s]]):format(process.vgglua, process.quote(code),
      table.concat(kills, "; ")))
  end

  it("stop a loop of interpreted Lua", function()
    local r = send("jit.off() while true do end", { "INT" })
    assert.equal("interrupted\n", r.err)
    assert.equal(130, r.code)
  end)

  it("stop a loop of core calls, compiled or not", function()
    local r = send("local t = require('vgg').tensor while true do t{1} end", { "INT" })
    assert.equal("interrupted\n", r.err)
    assert.equal(130, r.code)
  end)

  local trainer = [[
    local s = require("vgg.core").signals
    s.defer(true)
    local clock, stop = require("vgg.core").clock, nil
    local start = clock()
    while clock() - start < 3 do
      local p = s.pending()
      if p == "USR1" then print("checkpoint") elseif p then print(p) stop = p break end
    end
    s.defer(false)
    os.exit(stop == "INT" and 130 or stop == "TERM" and 143 or 0)
  ]]

  it("are noted, not obeyed, while deferred", function()
    local r = send(trainer, { "USR1", "INT" })
    assert.equal("checkpoint\nINT\n", r.out)
    assert.equal(130, r.code)
    r = send(trainer, { "TERM" })
    assert.equal("TERM\n", r.out)
    assert.equal(143, r.code)
  end)

  it("end the process at the second SIGINT within two seconds", function()
    local stubborn = "require('vgg.core').signals.defer(true) while true do end"
    local r = send(stubborn, { "INT", "INT" })
    assert.equal(130, r.code)
    r = send("while true do end", { "INT", "INT" })
    assert.equal(130, r.code)
    r = send(stubborn, { "TERM", "TERM" })
    assert.equal(143, r.code)
  end)

  it("leave SIGHUP ignored under nohup", function()
    local r = process.shell(([[trap '' HUP; %s -e %s & p=$!; sleep 0.2; kill -HUP $p; wait $p]])
      :format(process.vgglua, process.quote("local c = require('vgg.core').clock " ..
        "local s = c() while c() - s < 0.6 do end print('alive')")))
    assert.equal("alive\n", r.out)
    assert.equal(0, r.code)
  end)

  it("keep away from a process that merely requires the module", function()
    if os.getenv("VGGLUA_SANITIZE") then return pending("instrumented build") end
    local cpath = os.getenv("VGGLUA_CPATH") or "build/?.so"
    local r = process.shell(("LUA_CPATH='%s;;' luajit -e %s"):format(cpath, process.quote(
      "require 'vgg' for l in io.lines '/proc/self/status' do " ..
      "local m = l:match('^SigCgt:%s*(%x+)') if m then print(m) end end")))
    local plain = process.shell(("luajit -e %s"):format(process.quote(
      "for l in io.lines '/proc/self/status' do " ..
      "local m = l:match('^SigCgt:%s*(%x+)') if m then print(m) end end")))
    assert.equal(plain.out, r.out)
  end)
end)
