-- VGG_CONV=tune: convolutions are timed once, the winners kept in a file and taken from there.
local core = require "vgg.core"
local process = require "tests.support.process"
local scratch = require "tests.support.scratch"

if not require("vgg.util").hosted() then
  describe("VGG_CONV=tune", function() pending "needs the host vgglua" end)
  return
end

describe("VGG_CONV=tune", function()
  local dir, wipe = scratch.new()
  teardown(wipe)

  local script = "local c = require 'vgg.core' local x = c.randn { 4, 32, 8, 8 } "
    .. "local l = require('vgg').nn.Conv2d { 32, 32, kernel = 3, pad = 1 } "
    .. "l(x):sum():backward() print(l(x):sum():item())"

  local function run(mode)
    local r = process.run({ "-e", "require('vgg').manual_seed(1) " .. script },
      { env = ("XDG_CACHE_HOME=%s VGG_CONV=%s"):format(dir, mode) })
    assert.equal(0, r.code, r.err)
    return tonumber(r.out)
  end

  local function lines()
    local list = {}
    for _, name in ipairs(core.fs.list(dir .. "/vgglua") or {}) do
      assert.matches("^conv%-%w+%-%d+%-[%d.]+%.txt$", name)
      for line in io.lines(dir .. "/vgglua/" .. name) do list[#list + 1] = line end
    end
    return list
  end

  it("writes each winner once, and computes what the fixed rule does", function()
    local plain = run "direct"
    assert.same({}, lines())
    local tuned = run "tune"
    local kept = lines()
    assert.equal(2, #kept) -- forward and weights: the input wants no gradient
    for _, line in ipairs(kept) do
      assert.matches("^%w+ 4x32x8x8 w32x3x3 s1x1 p1x1 d1x1 g1=[%w_]+$", line)
    end
    assert.is_true(math.abs(tuned - plain) < 1e-3 * math.max(1, math.abs(plain)))
    run "tune"
    assert.same(kept, lines())
  end)

  it("passes over what is not a winner in the file", function()
    local name = core.fs.list(dir .. "/vgglua")[1]
    local f = assert(io.open(dir .. "/vgglua/" .. name, "w"))
    f:write("nonsense\nforward 1x1=no_such\n", ("x"):rep(500), "\n")
    f:close()
    run "tune"
    assert.equal(5, #lines())
  end)
end)
