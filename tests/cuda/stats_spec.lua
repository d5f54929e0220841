-- Batch statistics that convolutions make on the way: right, only where somebody uses them, and not
-- in the way where cuDNN has no plan for them.
local emulated = require "tests.support.emulated"
local process = require "tests.support.process"
local scratch = require "tests.support.scratch"

describe("statistics out of convolutions", function()
  if not emulated.there then return pending "are made (the emulated plugin was not built)" end
  local dir, remove
  setup(function() dir, remove = scratch.new() end)
  teardown(function() remove() end)

  local applies = { apply_nhwc = true, apply_plain = true, norm_max_fwd = true }

  -- Runs a program; its output, how often it had statistics made by a pass over the output, and how
  -- often a norm had none made: taken from a convolution, or running ones.
  local function run(env, ...)
    local report, passes, all = dir .. "/calls", 0, 0
    local r = process.run({ ... },
      { env = emulated.environment(("VG_SHIM_REPORT=%s %s"):format(report, env)) })
    if r.code ~= 0 then error(("exit code %d\n%s%s"):format(r.code, r.out, r.err), 2) end
    for line in io.lines(report) do
      local count, kernel = line:match "^(%d+) kernel %(?([%w_]+)"
      if kernel == "stats_nhwc" or kernel == "stats_plain" then passes = passes + count end
      if applies[kernel] then all = all + count end
    end
    return r.out, passes, all - passes
  end

  local function case(name, env, ...) return run(env or "", "tests/cuda/stats.lua", name, ...) end

  -- All lines that are numbers are small ones.
  local function right(out, lines)
    local n = 0
    for number in out:gmatch "%d%.%d+" do
      n = n + 1
      assert.is_true(tonumber(number) < 2e-3, out)
    end
    assert.equal(lines, n)
  end

  local function expect(lines, passes, taken, out, got_passes, got_taken)
    right(out, lines)
    assert.same({ passes, taken }, { got_passes, got_taken })
    return out
  end

  it("are used from the second time on", function()
    expect(3, 1, 2, case "train")
    expect(3, 1, 2, case "without_bias")
  end)

  it("are made in a pass where that was asked for, or where there is no plan for them", function()
    local want = expect(3, 3, 0, case("train", "VGG_CUDA_STATS=0"))
    for _, refused in ipairs { "stats", "fusion" } do
      assert.equal(want, expect(3, 3, 0, case("train", "VG_SHIM_REFUSE=" .. refused)))
    end
    expect(3, 3, 0, case("train", "VG_SHIM_REFUSE=all"))
    expect(3, 3, 0, case("train", "VG_SHIM_STATS_ADD=1")) -- onto what the memory held
  end)

  it("are not made without gradients, nor in f32", function()
    expect(3, 3, 0, case "no_grad")
    expect(3, 3, 0, case "f32")
  end)

  it("are those of an output that was changed since", function()
    expect(6, 4, 2, case "changed")
  end)

  it("are not put into a recording that did not make them", function()
    expect(3, 2, 1, case "recorded")
  end)

  it("are finite where the output is constant", function()
    local out, passes, taken = case "constant"
    assert.equal("finite\n", out)
    assert.same({ 1, 1 }, { passes, taken })
  end)

  it("end when nobody uses them", function()
    local out = expect(2, 1, 1 + 6, case "unused") -- six with running ones
    local _, going = out:gsub("\n%d+:", "")
    assert.equal(4, going)
    assert.matches("nobody asks\nnobody asks\n$", out)
  end)

  it("go on after resuming as before", function()
    local config = case("unused"):match "\n(%d+:[^\n]*)\n"
    local out = expect(2, 0, 2, case("resume", "", config))
    assert.is_truthy(out:find(config, 1, true))
    expect(2, 0, 2, case("resume", "", "wanted"))
    expect(2, 2, 0, case("resume", "", "none"))
    assert.matches("\nwanted\n$", (case "once"))
  end)

  it("are left alone where they take longer than a pass", function()
    local plans = dir .. "/plans"
    expect(3, 1, 2, case("train", "VGG_CUDA_PLANS=" .. plans))
    local lines = {}
    for line in io.lines(plans) do
      lines[#lines + 1] = line:gsub("( bias stats=%S+) .*", "%1 50.0")
    end
    local text = table.concat(lines, "\n") .. "\n"
    assert.is_truthy(text:find " 50.0\n")
    local f = assert(io.open(plans, "w"))
    f:write(text)
    f:close()
    expect(3, 3, 0, case("train", "VGG_CUDA_PLANS=" .. plans))
    f = assert(io.open(plans))
    text = f:read "*a"
    f:close()
    assert.matches(" bias stats=none", text)
  end)

  it("train a network as a pass does, recorded or not", function()
    local function losses(env)
      local out, passes, taken = run(env, "tests/cuda/small.lua", "cuda", "bf16-mixed", "sgd")
      local list = {}
      for loss in out:gmatch "(%S+) %S+\n%-" do list[#list + 1] = tonumber(loss) end
      return list, out, passes, taken
    end
    local want, plain, passes, running = losses "VGG_REPLAY=0 VGG_CUDA_STATS=0"
    local got, _, fewer, taken = losses "VGG_REPLAY=0"
    assert.equal(#want, #got)
    assert.is_true(#want > 5)
    for i, loss in ipairs(want) do
      assert.is_true(math.abs(got[i] - loss) < 1e-2 * loss, ("%g, want %g"):format(got[i], loss))
    end
    assert.equal(passes + running, fewer + taken)
    assert.equal(4, fewer) -- two layers, two sizes of batches
    local _, out = losses "VGG_REPLAY=0 VG_SHIM_REFUSE=stats"
    assert.equal(plain, out)
    local _, _, once, recorded = losses "VGG_REPLAY=1"
    local _, _, _, others = losses "VGG_REPLAY=1 VGG_CUDA_STATS=0"
    assert.equal(4, once)
    assert.is_true(recorded - others >= 4 and recorded - others < taken - running)
  end)
end)
