-- experiments/adv_attacks.lua and robustness.lua as a user starts them.
package.path = "tests/train/?.lua;" .. package.path
local fake = require "fake"
local process = require "process"
local core = require "vgg.core"
local checkpoint = require "vgg.checkpoint"
local json = require "vgg.json"

if not require("vgg.util").hosted() then -- the processes are those of the host, tested there
  describe("attack experiments", function() pending "needs the host vgglua" end)
  return
end

local script = "experiments/adv_attacks.lua "
local dir, data, run

local function write(path, text)
  local f = assert(io.open(path, "wb"))
  f:write(text)
  f:close()
end

local function read(path)
  local f = assert(io.open(path, "rb"))
  local text = f:read "*a"
  f:close()
  return text
end

-- CIFAR-10 in binary form, 100 images a file, and an untrained network as the best of a run.
local function fixture()
  local root = dir .. "/data/cifar-10-batches-bin"
  assert(core.fs.mkdir(root))
  for i, name in ipairs { "data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4",
    "data_batch_5", "test_batch" } do
    local parts = {}
    for k = 0, 99 do
      parts[k + 1] = string.char(k % 10) .. string.char((k * 7 + i) % 256):rep(1024) ..
        string.char((k * 13) % 256):rep(1024) .. string.char((k % 10) * 25):rep(1024)
    end
    write(root .. "/" .. name .. ".bin", table.concat(parts))
  end
  assert(core.fs.mkdir(dir .. "/runs/trained"))
  core.manual_seed(1)
  local model = require("vgg.models").build("vgg16_bn", { head = "small" })
  assert(checkpoint.save(dir .. "/runs/trained/best.safetensors", { tensors = model:state_dict(),
    meta = { config = { model = model:config(), flags = { augment = "dlcv", split_seed = 42,
      val_split = 0.1 } } } }))
  return ("--partial-data --data-root %s/data --runs-dir %s/runs "):format(dir, dir)
end

local function start(what) return process.run(script .. data .. what) end

local columns = { "source_image", "gt_class", "target_class", "adversary", "diff", "target_prob",
  "success", "predicted_class", "clean_prediction", "iterations", "l2", "linf",
  "target_prob_8bit", "sample_index", "counted" }

describe("experiments/adv_attacks.lua", function()
  setup(function()
    dir = fake.directory()
    data = fixture()
    run = start "--lr 1e-3 --max-iter 1 --n-samples 1 --source-class dog --run-name one"
  end)
  teardown(function() fake.remove(dir) end)

  it("runs on the newest checkpoint", function()
    assert.equal(0, run.code, run.err)
    assert.matches("trained/best.safetensors (newest best checkpoint)", run.err, 1, true)
    assert.matches("all counted", run.out, 1, true)
    assert.matches("the images' own class, not counted", run.out, 1, true)
  end)

  it("leaves a table with the assignment's columns and its pictures", function()
    local t = json.decode(read(dir .. "/runs/one/tables/adversaries.json"))
    assert.same(columns, t.columns)
    assert.equal(10, #t.rows)
    for i, row in ipairs(t.rows) do
      assert.equal("dog", row[2])
      assert.equal(i ~= 6, row[15])
      for _, k in ipairs { 1, 4, 5 } do
        assert.equal("\137PNG", read(dir .. "/runs/one/" .. row[k].image):sub(1, 4))
      end
      assert.matches("^difference x%d", row[5].caption)
    end
    assert.equal("\137PNG", read(dir .. "/runs/one/adversaries.png"):sub(1, 4))
    local lines = {}
    for line in io.lines(dir .. "/runs/one/adversaries.csv") do lines[#lines + 1] = line end
    assert.equal(11, #lines)
    assert.equal("gt_class,target_class,target_prob,success,predicted_class,clean_prediction,"
      .. "iterations,l2,linf,target_prob_8bit,sample_index,counted", lines[1])
  end)

  it("hands --lr to the optimiser: the first step of Adam is lr", function()
    local t = json.decode(read(dir .. "/runs/one/tables/adversaries.json"))
    for _, row in ipairs(t.rows) do
      assert.equal(1, row[10])
      assert.is_true(math.abs(row[12] - 1e-3) < 2e-6, row[12])
    end
  end)

  it("takes the same images for the same seed, others for another", function()
    local function samples(seed)
      local r = start("--max-iter 0 --n-samples 1 --source-class cat --json --data-split test "
        .. "--seed " .. seed)
      assert.equal(0, r.code, r.err)
      return json.decode(r.out).samples
    end
    local a = samples(1)
    assert.same(a, samples(1))
    assert.not_same(a, samples(3))
  end)

  it("says what is wrong, with the exit code", function()
    local function fails(code, text, arguments)
      local r = start(arguments)
      assert.equal(code, r.code, r.err)
      assert.matches(text, r.err, 1, true)
    end
    fails(2, "--source-class: no class 'dgo'. Did you mean 'dog'? Classes: airplane",
      "--source-class dgo")
    fails(2, "--n-samples: want at least 1", "--n-samples 0")
    fails(2, "--objective: no 'logprop'. Did you mean 'logprob'?", "--objective logprop")
    fails(3, "attack: wanted 500 samples of 'cat', the validation split has ",
      "--source-class cat --n-samples 500")
    fails(3, "no run 'nothing'", "--ckpt-path nothing --source-class cat")
    local r = process.run("$OLDPWD/" .. script .. data .. "--runs-dir none --source-class cat", "",
      "cd " .. dir)
    assert.equal(3, r.code, r.err)
    assert.matches("no network to attack", r.err, 1, true)
  end)

  it("takes the shipped weights where there is no run", function()
    local r = start("--max-iter 0 --n-samples 1 --source-class cat --runs-dir " .. dir .. "/empty")
    assert.equal(0, r.code, r.err)
    assert.matches("VGG16BN, 14,728,266 parameters, from weights/vgg16_bn_cifar10.safetensors "
      .. "(shipped weights)", r.err, 1, true)
  end)

  it("bf16-mixed: refused without its instructions, unless the same numbers are asked for",
    function()
      local arguments = script .. data .. "--source-class cat --n-samples 1 --max-iter 1 "
        .. "--precision bf16-mixed "
      local r = process.run(arguments, "VGG_CPU_ISA=emulate")
      assert.equal(2, r.code)
      assert.matches("--emulate-bf16 for the same numbers", r.err, 1, true)
      r = process.run(arguments .. "--emulate-bf16 --run-name half", "VGG_CPU_ISA=emulate")
      assert.equal(0, r.code, r.err)
      assert.matches("precision bf16-mixed (emulated)", r.err, 1, true)
    end)

  it("chooses the class with the highest recall and says so", function()
    local r = start "--max-iter 0 --n-samples 1"
    assert.equal(0, r.code, r.err)
    assert.matches("source class %w+: the highest recall, %d%.%d+, of the 50 validation images",
      r.err)
  end)

  it("shows how far it is; Ctrl-C leaves the table as far as it came", function()
    local driver = require "tests.support.process"
    if not driver.driver() then return pending "no ptydrive" end
    local arguments = { script:match "%S+" }
    for word in (data .. "--source-class cat --n-samples 1 --max-iter 100000 --prob-threshold 1 "
      .. "--run-name stopped"):gmatch "%S+" do
      arguments[#arguments + 1] = word
    end
    local r = driver.terminal(arguments, { "expect device", "expect model", "expect log  ",
      "expect mean p(target)", "expect /100000", "expect /100000", "send \\x03",
      "expect interrupted: the table shows how far each attack came", "end" }, "TERM=xterm")
    assert.equal(130, r.code, r.err)
    local t = json.decode(read(dir .. "/runs/stopped/tables/adversaries.json"))
    assert.equal(10, #t.rows)
    assert.is_true(t.rows[1][10] > 0 and t.rows[1][10] < 100000)
  end)
end)

describe("experiments/robustness.lua", function()
  it("draws the curve", function()
    dir = fake.directory()
    data = fixture()
    local r = process.run("experiments/robustness.lua " .. data
      .. "--n-samples 2 --epsilons 0,2 --steps 2 --run-name curve")
    assert.equal(0, r.code, r.err)
    assert.matches("eps %* 255%s+FGSM%s+PGD%-2", r.out)
    assert.equal("\137PNG", read(dir .. "/runs/curve/robustness.png"):sub(1, 4))
    local summary = json.decode(read(dir .. "/runs/curve/summary.json"))
    assert.equal(summary.series[1].accuracy[1], summary.series[2].accuracy[1])
    r = process.run("experiments/robustness.lua " .. data .. "--epsilons 0,x")
    assert.equal(2, r.code)
    assert.matches("--epsilons: want numbers from 0, got 'x'", r.err, 1, true)
    fake.remove(dir)
  end)
end)
