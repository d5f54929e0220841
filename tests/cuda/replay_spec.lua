-- Recorded steps give, to the bit, what the same steps give one by one; with losses that nobody
-- waits for, dropout, clipping, accumulation and a shorter last batch.
local process = require "tests.support.process"

local emulated = os.getenv "VGGLUA_EMULATED"
local driver = os.getenv "VGGLUA_FAKE_DRIVER"
local plugin = emulated and io.open(emulated .. "/libvgglua_cuda.so", "rb")
if plugin then plugin:close() end

local function run(replay, ...)
  local r = process.run({ "tests/cuda/small.lua", "cuda", ... }, { env =
    ("VG_PLUGIN_PATH=%s LD_LIBRARY_PATH=%s VGG_CUDA_PLANS= VGG_CONV=heuristic VGG_REPLAY=%s")
    :format(emulated, driver, replay) })
  if r.code ~= 0 then error(("exit code %d\n%s%s"):format(r.code, r.out, r.err), 2) end
  return r
end

describe("a recorded step", function()
  if not plugin then return pending "replays (the emulated plugin was not built)" end
  for _, kind in ipairs { "adam", "sgd" } do
    for _, precision in ipairs { "32", "bf16-mixed" } do
      it(("does what %s does step by step in %s"):format(kind, precision), function()
        local one, other = run("0", precision, kind), run("1", precision, kind)
        assert.equal(one.out, other.out)
        assert.matches("recorded false", one.err)
        assert.matches("recorded true", other.err)
      end)
    end
  end
end)
