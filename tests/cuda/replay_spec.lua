-- Recorded steps give, to the bit, what the same steps give one by one; with losses that nobody
-- waits for, dropout, clipping, accumulation and a shorter last batch.
local emulated = require "tests.support.emulated"
local process = require "tests.support.process"

local function run(replay, ...)
  local r = process.run({ "tests/cuda/small.lua", "cuda", ... },
    { env = emulated.environment("VGG_REPLAY=" .. replay) })
  if r.code ~= 0 then error(("exit code %d\n%s%s"):format(r.code, r.out, r.err), 2) end
  return r
end

describe("a recorded step", function()
  if not emulated.there then return pending "replays (the emulated plugin was not built)" end
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
