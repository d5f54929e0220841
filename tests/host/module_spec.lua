-- The module in a stock luajit with nothing but LUA_CPATH set.
local process = require "tests.support.process"

local cpath = os.getenv("VGGLUA_CPATH") or "build/?.so"
local pwd = process.shell("pwd").out:gsub("\n", "")
if cpath:sub(1, 1) ~= "/" then cpath = pwd .. "/" .. cpath end

local function luajit(code)
  return process.shell(("cd / && LUA_CPATH='%s' luajit -e %s"):format(cpath, process.quote(code)))
end

describe("vgg in a stock luajit", function()
  if os.getenv("VGGLUA_SANITIZE") then
    pending("an instrumented module does not load there")
    return
  end
  it("loads, twice, without globals and without touching package.path", function()
    local r = luajit [[
      local before, path = {}, package.path
      for k in pairs(_G) do before[k] = true end
      local vgg = require "vgg"
      assert(vgg == require "vgg" and type(vgg.version) == "string")
      assert(package.path == path)
      for k in pairs(_G) do assert(before[k], k) end
      assert(require "vgg.core".tensor{1, 2}.shape[1] == 2)
      assert(require "vgg.util".count(1234567) == "1,234,567")
      print "good"
    ]]
    assert.equal("", r.err)
    assert.equal("good\n", r.out)
  end)

  it("loads each of the larger parts alone", function()
    for _, part in ipairs { "util", "cli", "data", "nn", "optim", "train", "metric", "models" } do
      local path = "lua/vgg/" .. part
      if process.shell(("test -e %s.lua -o -e %s/init.lua"):format(path, path)).code == 0 then
        local r = luajit(("assert(type(require 'vgg.%s') == 'table') print 'good'"):format(part))
        assert.equal("", r.err)
        assert.equal("good\n", r.out)
      end
    end
  end)

  it("survives the end of the process after its threads have worked", function()
    local r = luajit [[
      local vgg = require "vgg"
      vgg.core.device.set_threads(4)
      local x = vgg.tensor{1, 2, 3}
      if x.add then x = x + x end
      io.write("buffered output")
    ]]
    assert.equal(0, r.code)
    assert.equal("", r.err)
    assert.equal("buffered output", r.out)
  end)

  it("exits with usage errors of scripts as the host does", function()
    local r = luajit [[
      require "vgg"
      arg = { [0] = "x.lua", "--batchsize", "3" }
      require "vgg.cli" { { "batch_size", 1, "images" } }
      print "not reached"
    ]]
    assert.equal(2, r.code)
    assert.equal("", r.out)
    assert.equal("x.lua: unknown option --batchsize. Did you mean --batch-size?\n", r.err)
  end)
end)
