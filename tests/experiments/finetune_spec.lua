-- experiments/finetune.lua as a user starts it.
package.path = "tests/train/?.lua;" .. package.path
local fake = require "fake"
local process = require "process"
local core = require "vgg.core"
local json = require "vgg.json"
local train = require "vgg.train"

if not require("vgg.util").hosted() then -- the processes are those of the host, tested there
  describe("experiments", function() pending "needs the host vgglua" end)
  return
end

local script = "experiments/finetune.lua "
local dir

-- CIFAR-10 in binary form with 200 images a file.
local function fixture()
  local root = dir .. "/data/cifar-10-batches-bin"
  assert(core.fs.mkdir(root))
  for i, name in ipairs { "data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4",
    "data_batch_5", "test_batch" } do
    local f = assert(io.open(root .. "/" .. name .. ".bin", "wb"))
    for k = 0, 199 do
      f:write(string.char(k % 10), string.char((k * 7 + i) % 256):rep(1024),
        string.char((k * 13) % 256):rep(1024), string.char((k % 10) * 25):rep(1024))
    end
    f:close()
  end
  return "--partial-data --data-root " .. dir .. "/data "
end

describe("experiments/finetune.lua", function()
  local data
  setup(function()
    dir = fake.directory()
    data = fixture()
  end)
  teardown(function() fake.remove(dir) end)

  it("--help shows every flag with its default", function()
    local r = process.run(script .. "--help")
    assert.equal(0, r.code)
    for _, text in ipairs { "--model TEXT", "default vgg16_bn", "--lr NUMBER", "default 0.001",
      "--batch-size N", "default 128", "--max-epochs N", "default 60", "--val-split", "default 0.1",
      "--train-share", "--run-name", "--torch-cache-dir", "--data-root", "--augment", "dlcv",
      "--precision", "--device", "--seed", "default 3735928559", "--resume", "--fast-dev-run",
      "--limit-train-batches", "--data TEXT", "--split-seed" } do
      assert.matches(text, r.out, 1, true)
    end
  end)

  it("--fast-dev-run leaves no checkpoint and no log", function()
    local r = process.run(script .. data .. "--fast-dev-run --batch-size 8 --runs-dir " .. dir
      .. "/runs")
    assert.equal(0, r.code, r.err)
    assert.matches("VGG16BN, 33,646,666 parameters", r.err, 1, true)
    assert.matches("fast_dev_run (1 batch of each), no checkpoints, no logs", r.err, 1, true)
    assert.matches("epoch  1  train loss", r.err, 1, true)
    assert.matches("validation = 100 of 1,000 training images, seed 42", r.err, 1, true)
    assert.matches("test acc", r.out, 1, true)
    assert.is_false(core.fs.exists(dir .. "/runs"))
  end)

  it("two batches of everything; --json prints one object; the model loads again", function()
    local r = process.run(script .. data .. "--limit-train-batches 2 --limit-val-batches 2 "
      .. "--limit-test-batches 2 --max-epochs 1 --batch-size 4 --head small --run-name x --json "
      .. "--log-every-n-steps 1 --runs-dir " .. dir)
    assert.equal(0, r.code, r.err)
    local o = assert(json.decode(r.out))
    assert.equal(1, o.best["best/epoch"])
    assert.equal(10, #o.confusion_matrix)
    assert.equal(10, #o.classes)
    assert.same(o, json.decode(assert(io.open(dir .. "/x/summary.json")):read "*a"))
    local types = {}
    for _, row in ipairs(fake.rows(dir .. "/x/metrics.jsonl")) do
      types[#types + 1] = row.type
    end
    assert.same({ "step", "step", "epoch", "test", "confusion_matrix", "table", "summary" }, types)
    local model, meta = require("vgg").load(dir .. "/x")
    assert.equal("VGG16BN", model.__name)
    assert.equal("vgg16_bn", meta.config.model.name)
    assert.equal("airplane", meta.config.classes[1])
  end)

  it("starts from a file of another head, frozen, then free; resumes without the file", function()
    local few = " --limit-train-batches 2 --limit-val-batches 1 --limit-test-batches 1 "
      .. "--batch-size 4 --log-every-n-steps 1 --num-sanity-val-steps 0 --runs-dir " .. dir
    local vgg = require "vgg"
    local source = vgg.models.vgg16_bn { head = "small", num_classes = 1000 }
    vgg.save(source, dir .. "/source.pth", { legacy = true, meta = { note = "not ours" } })
    local r = process.run(script .. data .. "--run-name tuned --max-epochs 1 --weights " .. dir
      .. "/source.pth --head small --freeze features --unfreeze-epoch 2 --lr-features 1e-4 "
      .. "--normalize imagenet" .. few)
    assert.equal(0, r.code, r.err)
    assert.matches("source.pth: 91 tensors; classifier starts anew: classifier.0.weight is "
      .. "1000x512 in the file, 10x512 in VGG16BN (2 tensors skipped)", r.err, 1, true)
    assert.matches("(14,723,136 frozen); Adam lr 0.0001, 0.001", r.err, 1, true)
    assert.matches("normalised imagenet", r.err, 1, true)
    local state, info = vgg.load_state(dir .. "/tuned/last.safetensors")
    for name, t in pairs((source:state_dict())) do
      if name:find "^features" then assert.is_true(t:equal(state[name]), name) end
    end
    assert.near(0.485, info.meta.config.normalize.mean[1], 1e-12)
    core.fs.remove(dir .. "/source.pth")
    r = process.run(script .. "--resume tuned --max-epochs 2 --runs-dir " .. dir)
    assert.equal(0, r.code, r.err)
    assert.matches("epoch 2: features trains from here", r.err, 1, true)
  end)

  it("says what --pretrained needs", function()
    local variables = "HOME=" .. dir .. " TORCH_HOME=" .. dir .. "/none http_proxy= https_proxy="
    local r = process.run(script .. data .. "--model cifar10net --pretrained --fast-dev-run",
      variables)
    assert.equal(2, r.code)
    assert.matches("--pretrained: no ImageNet weights of cifar10net are known (of: ", r.err, 1,
      true)
    r = process.run(script .. data .. "--unfreeze-epoch 2 --fast-dev-run", variables)
    assert.equal(2, r.code)
  end)

  it("an unknown flag runs nothing, suggests, ends with 2", function()
    local r = process.run(script .. "--batchsize 8")
    assert.equal(2, r.code)
    assert.matches("finetune.lua: unknown option --batchsize. Did you mean --batch-size?", r.err,
      1, true)
    r = process.run(script .. "--max-time 00:20:00")
    assert.equal(2, r.code)
    assert.matches("is not DD:HH:MM:SS", r.err, 1, true)
    r = process.run(script .. "--precision bf16-mixed --fast-dev-run " .. data,
      "VGG_CPU_ISA=emulate")
    assert.equal(2, r.code)
    assert.matches("use --precision 32", r.err, 1, true)
  end)

  it("missing data ends with 3", function()
    local r = process.run(script .. "--data-root " .. dir .. "/dta")
    assert.equal(3, r.code)
    assert.matches("no CIFAR-10 in '" .. dir .. "/dta'", r.err, 1, true)
  end)
end)

describe("the flags experiments share", function()
  local function parse(...)
    return train.flags({ "x", { "model", "a", "net" }, { "lr", 1e-3, "rate" } }, { ... }, "x.lua")
  end

  it("dotted, plain and underscored spellings are one", function()
    local plain = parse("--max-epochs", "3", "--lr", "0.01", "--batch-size", "64", "--seed",
      "0xDEADBEEF")
    assert.same(plain, parse("--trainer.max_epochs=3", "--model.lr=1e-2", "--data.batch-size=64"))
    assert.same(plain, parse("--epochs", "3", "--lr", ".01", "--batch_size", "64"))
    assert.equal(3735928559, plain.seed)
  end)

  it("max_time alone switches the limit of epochs off", function()
    assert.is_nil(parse("--max-time", "20m").max_epochs)
    assert.equal(5, parse("--max-time", "20m", "--max-epochs", "5").max_epochs)
    assert.equal(60, parse().max_epochs)
  end)
end)
