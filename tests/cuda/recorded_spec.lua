-- Recorded steps rely on weights that were prepared before them and leave updates to the next
-- launch. Whatever happens to weights, moments and rates inside or between: the same to the bit as
-- step by step.
local emulated = require "tests.support.emulated"
local process = require "tests.support.process"
local scratch = require "tests.support.scratch"

local function program(precision, scenario, record, late, env)
  return process.run({ "tests/cuda/recorded.lua", "cuda", precision, scenario, record },
    { env = emulated.environment(("VGG_CUDA_LATE=%s %s"):format(late, env)) })
end

-- What it printed, and the names it launched as one text.
local function run(precision, scenario, record, late)
  local folder, remove = scratch.new()
  local report = folder .. "/calls"
  local r = program(precision, scenario, record, late, "VG_SHIM_REPORT=" .. report)
  local file = assert(io.open(report))
  local launched = file:read "*a"
  file:close()
  remove()
  if r.code ~= 0 then error(("exit code %d\n%s%s"):format(r.code, r.out, r.err), 2) end
  return r.out, launched
end

local function scenarios() return process.run({ "tests/cuda/recorded.lua" }).out:gmatch "%w+" end

describe("a recorded step, with late updates and without,", function()
  if not emulated.there then return pending "runs (the emulated plugin was not built)" end
  for _, precision in ipairs { "32", "bf16-mixed" } do
    for scenario in scenarios() do
      it(("does what eager ones do, %s in %s"):format(scenario, precision), function()
        local want = run(precision, scenario, "false", 1)
        for _, late in ipairs { 1, 0 } do
          local got, launched = run(precision, scenario, "true", late)
          assert.equal(want, got)
          assert.equal(late == 1 and scenario ~= "sgd",
            launched:find("adam_late", 1, true) ~= nil)
        end
      end)
    end
  end

  for scenario, text in pairs { exchanged = "lie elsewhere than when the step was recorded",
    unordered = "in another order in memory; take a step before one is recorded" } do
    it("refuses what it cannot do: " .. scenario, function()
      local r = program("32", scenario, "true", 1, "")
      assert.equal(1, r.code)
      assert.is_truthy(r.err:find(text, 1, true), r.err)
      run("32", scenario, "false", 1)
    end)
  end

  it("does the same or says so when a launch fails", function()
    local want, failures = run("bf16-mixed", "plain", "true", 1), 0
    for n = 84, 126, 3 do -- of the recording's beginning, its step, and what is done at the end
      local r = program("bf16-mixed", "plain", "true", 1, "VG_SHIM_FAIL=launch:" .. n)
      if r.code == 0 then
        assert.equal(want, r.out)
      else
        assert.equal(5, r.code)
        assert.matches("cuda: ", r.err)
        failures = failures + 1
      end
    end
    assert.is_true(failures > 10)
  end)
end)
