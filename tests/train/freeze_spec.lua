-- Frozen layers stay as they are, train when told to, and resume bit for bit.
package.path = "tests/train/?.lua;" .. package.path
local fake = require "fake"
local process = require "process"
local core = require "vgg.core"
local callbacks = require "vgg.callbacks"
local data = require "vgg.data"
local nn = require "vgg.nn"
local optim = require "vgg.optim"
local train = require "vgg.train"
local util = require "vgg.util"

local function net()
  local Net = nn.class "Net"
  function Net:init()
    self.features = nn.Sequential {
      nn.Conv2d { 3, 4, kernel = 3, pad = 1 }, nn.BatchNorm2d { 4 }, nn.ReLU {},
      nn.MaxPool2d { 8 },
    }
    self.classifier = nn.Linear { 4 * 4 * 4, 10 }
  end
  function Net:forward(x) return self.classifier(self.features(x):flatten(2)) end
  return Net {}
end

local function values(model)
  local list = {}
  for name, t in pairs((model:state_dict())) do list[name] = t:totable() end
  return list
end

local function changed(a, b)
  local names = {}
  for name in pairs(a) do
    if not pcall(assert.same, a[name], b[name]) then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

local all = { "classifier.bias", "classifier.weight", "features.0.bias", "features.0.weight",
  "features.1.bias", "features.1.num_batches_tracked", "features.1.running_mean",
  "features.1.running_var", "features.1.weight" }

-- Trains on 40 generated images and returns the values after each epoch, the first is the start.
local function run(o)
  core.manual_seed(1)
  local model = o.model or net()
  local dm = data.CIFAR10DataModule { data = "synthetic", train_images = 40, test_images = 10,
    batch_size = 10, augment = "none" }
  local seen = { values(model) }
  local watch = { on_epoch_end = function() seen[#seen + 1] = values(model) end }
  local list = { watch, o.callback }
  local trainer = train.Trainer { model = model, optimizer = optim.Adam { model, lr = 0.01 },
    max_epochs = o.epochs, save = false, progress = false, header = false, callbacks = list,
    seed = 1 }
  trainer:fit { train = dm:train_dataloader(), valid = dm:val_dataloader() }
  return seen, trainer
end

describe("Freeze", function()
  setup(function() util.quiet(true) end)
  teardown(function() util.quiet(false) end)

  it("keeps weights and running statistics, in every bit", function()
    local seen = run { epochs = 2, callback = callbacks.Freeze { "features" } }
    assert.same({ "classifier.bias", "classifier.weight" }, changed(seen[1], seen[2]))
    assert.same({ "classifier.bias", "classifier.weight" }, changed(seen[2], seen[3]))
  end)

  it("trains everything from the epoch that was named", function()
    local seen, trainer = run { epochs = 3,
      callback = callbacks.Freeze { "features", unfreeze_epoch = 2 } }
    assert.same({ "classifier.bias", "classifier.weight" }, changed(seen[1], seen[2]))
    assert.same(all, changed(seen[2], seen[3]))
    local state = trainer.task.optimizer:state_dict()
    assert.equal(8, state.steps["features.0.weight"]) -- 4 steps an epoch
    assert.equal(12, state.steps["classifier.weight"])
    assert.equal(8, seen[4]["features.1.num_batches_tracked"])
  end)

  it("from epoch 1 is no freezing at all", function()
    local frozen = run { epochs = 1, callback = callbacks.Freeze { "features",
      unfreeze_epoch = 1 } }
    assert.same((run { epochs = 1 })[2], frozen[2])
  end)

  it("lets gradients through to what lies before it", function()
    local model = net()
    local seen = run { epochs = 1, model = model, callback = callbacks.Freeze { "features.1" } }
    assert.same({ "classifier.bias", "classifier.weight", "features.0.bias", "features.0.weight" },
      changed(seen[1], seen[2]))
    assert.is_nil(model:get("features.1.weight").grad)
  end)

  it("names a path that is not there", function()
    for path, message in pairs {
      feature = "^freeze: no layer 'feature' in Net %(did you mean 'features'",
      ["features.0.weight"] = "^freeze: 'features.0.weight' is a tensor",
    } do
      local ok, e = pcall(run, { epochs = 1, callback = callbacks.Freeze { path } })
      assert.is_false(ok)
      assert.equal(2, e.exit)
      assert.matches(message, e.message)
    end
    assert.error_matches(function() callbacks.Freeze {} end, "Freeze: want a path")
    assert.error_matches(function() callbacks.Freeze { "a", epoch = 2 } end,
      "Freeze: unknown option 'epoch'")
  end)
end)

describe("--freeze and --resume", function()
  if not util.hosted() then return pending "needs the host vgglua" end
  local dir
  local flags = "--freeze 0,1 --unfreeze-epoch 2 --max-epochs 3 --checkpoint-every-n-steps 4 "
    .. "--log-every-n-steps 1 --runs-dir "

  local function tiny(args, at)
    return process.run("tests/train/tiny.lua " .. flags .. dir .. " " .. args,
      at and "TINY_KILL=" .. at .. ":KILL")
  end

  local function rows(name)
    local list = fake.rows(dir .. "/" .. name .. "/metrics.jsonl")
    for _, row in ipairs(list) do row.timing = nil end
    return list
  end

  setup(function()
    dir = fake.directory()
    local r = tiny "--run-name whole"
    assert(r.code == 0, r.err)
    assert.matches("epoch 2: 0, 1 trains from here", r.err, 1, true)
    assert.matches("(240 frozen)", r.err, 1, true)
  end)
  teardown(function() fake.remove(dir) end)

  for name, at in pairs { frozen = "on_train_batch_end:9", edge = "on_epoch_end:1",
    free = "on_train_batch_end:20", later = "on_train_batch_end:23", last = "on_epoch_end:2" } do
    it("killed while " .. name .. ": the same log and the same bits", function()
      local r = tiny("--run-name " .. name, at)
      assert.equal(137, r.code, r.err)
      r = process.run(("tests/train/tiny.lua --resume %s --runs-dir %s"):format(name, dir))
      assert.equal(0, r.code, r.err)
      assert.same(rows "whole", rows(name))
      for _, file in ipairs { "last", "best" } do
        local function sum(of)
          return assert(core.io.sha256(("%s/%s/%s.safetensors"):format(dir, of, file)))
        end
        assert.equal(sum "whole", sum(name))
      end
      if name == "later" or name == "last" then
        assert.is_nil(r.err:find("frozen)", 1, true)) -- it stood behind the unfreezing
      end
    end)
  end

  it("--unfreeze-epoch wants --freeze", function()
    local r = process.run("tests/train/tiny.lua --unfreeze-epoch 2 --runs-dir " .. dir)
    assert.equal(2, r.code)
    assert.matches("--unfreeze-epoch says when parts train again", r.err, 1, true)
  end)
end)

describe("a last training image alone", function()
  it("joins the batch before it, and the header says so", function()
    core.manual_seed(1)
    local dm = data.CIFAR10DataModule { data = "synthetic", train_images = 23, test_images = 10,
      val_split = 2, batch_size = 10, augment = "none" }
    local model, lines = net(), nil
    local watch = { on_fit_start = function(_, t)
      lines = require("vgg.train.header").lines(t)
    end }
    local trainer = train.Trainer { model = model, optimizer = optim.Adam { model, lr = 0.01 },
      max_epochs = 1, save = false, progress = false, header = false, callbacks = { watch } }
    trainer:fit { train = dm:train_dataloader(), valid = dm:val_dataloader() }
    assert.matches("2 batches of 10, the last of 11; validation = 2 of 23", lines[3], 1, true)
    assert.equal(2, trainer.position.step)
    assert.equal(2, model:get("features.1.num_batches_tracked"):item())
  end)
end)
