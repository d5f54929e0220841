-- Whole programs on the emulated GPU: training, attacks, and what happens when calls fail. The
-- stand-ins (tests/cuda/shim) end a program that breaks a rule of CUDA with exit code 86.
local json = require "vgg.json"
local emulated = require "tests.support.emulated"
local process = require "tests.support.process"
local scratch = require "tests.support.scratch"

-- ctest's address sanitizer slows the emulation down, so sizes are small.
local function train(runs, name, device, more, env)
  local arguments = { more.script or "tests/train/tiny.lua", "--data", "synthetic",
    "--train-images", "24", "--test-images", "20", "--val-split", "4", "--batch-size", "4",
    "--max-epochs", "2", "--device", device, "--run-name", name, "--runs-dir", runs, "--seed", "3",
    "--overwrite", "--logger", "jsonl", "--limit-test-batches", "1" }
  for _, a in ipairs(more) do arguments[#arguments + 1] = a end
  return process.run(arguments, { env = emulated.environment(env) })
end

local function losses(runs, name)
  local out = {}
  for line in io.lines(runs .. "/" .. name .. "/metrics.jsonl") do
    local row = json.decode(line)
    if row.type == "epoch" then out[#out + 1] = row["train/loss"] end
  end
  return out
end

-- The counts of calls that VG_SHIM_REPORT wrote.
local function calls(path)
  local out = {}
  for line in io.lines(path) do
    local count, name = line:match "^(%d+) (.*)$"
    out[name] = tonumber(count)
  end
  return out
end

local function ended(code, result)
  if result.code ~= code then
    error(("exit code %d, want %d\n%s%s"):format(result.code, code, result.out, result.err), 2)
  end
end

local function close(want, got, bound)
  assert.equals(#want, #got)
  for i, w in ipairs(want) do
    assert.is_true(math.abs(w - got[i]) <= bound * w, ("%g, want %g"):format(got[i], w))
  end
end

describe("the emulated GPU", function()
  if not emulated.there then return pending "trains (the emulated plugin was not built)" end
  local runs, remove
  setup(function() runs, remove = scratch.new() end)
  teardown(function() remove() end)

  it("trains VGG-16 for two epochs as the CPU does, its steps as graphs", function()
    local vgg16 = { script = "experiments/finetune.lua", "--model", "vgg16_bn",
      "--head", "small", "--limit-train-batches", "3", "--limit-val-batches", "1", "--batch-size",
      "2", "--lr", "1e-4" } -- at 1e-3 the statistics of two images make of rounding what they like
    ended(0, train(runs, "cpu", "cpu", vgg16))
    local report = runs .. "/calls"
    ended(0, train(runs, "gpu", "cuda", vgg16, "VG_SHIM_REPORT=" .. report))
    close(losses(runs, "cpu"), losses(runs, "gpu"), 0.02)
    local count = calls(report)
    assert.equals(count.cudaGraphInstantiate, 1)
    assert.is_true(count.cudaGraphLaunch >= 3) -- of 6 steps; the first ones are eager
    for _, kernel in ipairs { "fwd", "sums", "bwd" } do -- a norm, ReLU and pooling is one pass
      assert.is_true(count[("kernel (norm_max_%s<T, V>)"):format(kernel)] >= 10, kernel)
    end
    for name in pairs(count) do assert.is_nil(name:match "^kernel %(max_%w+_2x2", name) end
  end)

  it("runs the benchmark's program", function()
    local r = process.run({ "tests/cuda/tiny_bench.lua", "cuda", "2", "bf16-mixed", "tiny" },
      { stdin = "2\n", env = emulated.environment() })
    ended(0, r)
    assert.matches('^ready\n{.*"loss":[%d.]+', r.out)
  end)

  local net = {}

  it("trains a small network as the CPU does", function()
    ended(0, train(runs, "plain", "cuda", net))
    ended(0, train(runs, "small-cpu", "cpu", net))
    close(losses(runs, "small-cpu"), losses(runs, "plain"), 1e-3)
  end)

  it("trains by the older calls of cuDNN where it supports no graph", function()
    ended(0, train(runs, "legacy", "cuda", net, "VG_SHIM_REFUSE=all"))
    close(losses(runs, "plain"), losses(runs, "legacy"), 1e-3)
  end)

  it("trains step by step where a graph cannot be made", function()
    ended(0, train(runs, "eager", "cuda", net, "VG_SHIM_FAIL=cudaGraphInstantiate:1"))
    close(losses(runs, "plain"), losses(runs, "eager"), 1e-5)
  end)

  it("trains in bf16-mixed, with weight gradients in either type", function()
    local bf16 = { "--precision", "bf16-mixed" }
    ended(0, train(runs, "bf16", "cuda", bf16))
    ended(0, train(runs, "bf16-dw", "cuda", bf16, "VG_SHIM_REFUSE=f32dw"))
    close(losses(runs, "plain"), losses(runs, "bf16"), 0.05)
    close(losses(runs, "bf16"), losses(runs, "bf16-dw"), 0.05)
  end)

  it("says that memory is short, and leaves in good order", function()
    local r = train(runs, "small", "cuda", net, "VG_SHIM_MEMORY=200000")
    ended(5, r)
    assert.is_truthy(r.err:find("memory", 1, true))
  end)

  it("reports a failing call by its name", function()
    -- the 60th execution is one of a step: those before it are the plans' trials
    for what, name in pairs { ["cudaStreamCreate:1"] = "cudaStreamCreate",
      ["cudnnCreate:1"] = "cudnnCreate", ["cudaHostAlloc:2"] = "cudaHostAlloc",
      ["launch:20"] = "vg_cuda_", ["cudnnBackendExecute:60"] = "cudnnBackendExecute" } do
      local r = train(runs, "failing", "cuda", net, "VGG_REPLAY=0 VG_SHIM_FAIL=" .. what)
      ended(5, r)
      assert.is_truthy(r.err:find("cuda: " .. name, 1, true), r.err)
    end
  end)

  it("passes over a plan that fails when it is tried", function()
    ended(0, train(runs, "trial", "cuda", net, "VG_SHIM_FAIL=cudnnBackendExecute:1"))
    close(losses(runs, "plain"), losses(runs, "trial"), 1e-3)
  end)
end)
