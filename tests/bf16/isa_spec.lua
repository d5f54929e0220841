-- The paths of other instruction sets, each in a process of its own, and what VGG_CPU_ISA answers.
local core = require "vgg.core"
local process = require "tests.support.process"

local function run(word, ...)
  return process.run({ ... }, { env = "VGG_CPU_ISA=" .. word })
end

local describe_device = "print(require('vgg').core.device.describe())"

if not require("vgg.util").hosted() or os.getenv "VGG_CPU_ISA" then return end -- a child of these

describe("VGG_CPU_ISA", function()
  for _, word in ipairs { "base", "avx2", "emulate", "avx512_bf16", "amx" } do
    it("runs the layers with " .. word, function()
      if word == "emulate" and not core.device.bf16() then return end -- as all other specs do
      local r = run(word, "-e", describe_device)
      if r.err:find("VGG_CPU_ISA=" .. word, 1, true) then
        pending((r.err:match "[^\n]+"))
        return
      end
      assert.equal(0, r.code, r.err)
      if os.getenv "VGGLUA_SANITIZE" and word == "base" then return end -- a minute
      r = run(word, "tests/run.lua", "bf16/autocast")
      assert.equal(0, r.code, r.out .. r.err)
    end)
  end

  it("refuses what it does not know", function()
    local r = run("avx1024", "-e", describe_device)
    assert.is_true(r.code ~= 0)
    assert.matches("VGG_CPU_ISA: no 'avx1024'. Known: amx, avx512_bf16, emulate, avx512, avx2, "
      .. "base", r.err, 1, true)
  end)
end)
