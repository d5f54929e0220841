-- Starting from trained weights: what is loaded, what is skipped, what is said.
local core = require "vgg.core"
local cli = require "vgg.cli"
local data = require "vgg.data"
local fake = dofile "tests/train/fake.lua"
local models = require "vgg.models"
local nn = require "vgg.nn"
local normalization = require "vgg.data.normalization"
local optim = require "vgg.optim"
local pretrained = require "vgg.train.pretrained"
local train = require "vgg.train"
local util = require "vgg.util"

local function net(classes, width)
  local Net = nn.class "Net"
  function Net:init()
    self.features = nn.Sequential { nn.Conv2d { 3, width or 4, kernel = 3 },
      nn.BatchNorm2d { width or 4 } }
    self.avgpool = nn.Identity {}
    self.classifier = nn.Sequential { nn.Linear { width or 4, classes } }
  end
  return Net {}
end

local function numbers(model)
  local list = {}
  for name, t in pairs((model:state_dict())) do list[name] = t:totable() end
  return list
end

-- A state dict whose tensors live as long as the table.
local function dict(model)
  local list = {}
  for name, t in pairs((model:state_dict())) do list[name] = t end
  return list
end

-- pretrained.load from a file of these tensors.
local function load(to, tensors)
  local path = os.tmpname()
  assert(core.io.save(path, tensors))
  local ok, r = pcall(pretrained.load, to, path)
  os.remove(path)
  if not ok then error(r, 0) end
  r.info = nil
  return r
end

describe("loading into another head", function()
  it("takes everything that fits", function()
    local from, to = net(10), net(10)
    local r = load(to, dict(from))
    assert.same({ loaded = 9, skipped = 0 }, r)
    assert.same(numbers(from), numbers(to))
  end)

  it("leaves a head of other classes as it was, whole", function()
    local from, to = net(1000), net(10)
    local given, before = dict(from), numbers(to)
    local r = load(to, given)
    assert.equal("classifier", r.head)
    assert.same({ 7, 2 }, { r.loaded, r.skipped })
    assert.equal("classifier.0.weight is 1000x4 in the file, 10x4 in Net", r.why)
    local after = numbers(to)
    assert.same(before["classifier.0.weight"], after["classifier.0.weight"])
    assert.same(before["classifier.0.bias"], after["classifier.0.bias"])
    assert.same(numbers(from)["features.0.weight"], after["features.0.weight"])
    assert.same(numbers(from)["features.1.running_var"], after["features.1.running_var"])
  end)

  it("takes files of the body alone, and of before the batch counter", function()
    local from, to = net(10), net(10)
    local given = dict(from)
    given["classifier.0.weight"], given["classifier.0.bias"] = nil, nil
    given["features.1.num_batches_tracked"] = nil
    to:get("features.1.num_batches_tracked"):fill_(7)
    local r = load(to, given)
    assert.same({ 6, 0 }, { r.loaded, r.skipped })
    assert.equal("classifier.0.weight is not in the file", r.why)
    assert.equal(0, to:get("features.1.num_batches_tracked"):item())
  end)

  it("refuses another body and names the difference", function()
    for _, case in ipairs {
      { net(10, 8), "features.0.bias is 8 in the file, 4 in Net (and 5 more: " },
      { nn.Sequential { nn.Linear { 2, 2 } }, "features.0.bias, features.0.weight" },
    } do
      local to = net(10)
      local before = numbers(to)
      local ok, e = pcall(load, to, dict(case[1]))
      assert.is_false(ok)
      assert.equal(3, e.exit)
      assert.matches("checkpoint: does not fit the model: " .. case[2], e.message, 1, true)
      assert.same(before, numbers(to))
    end
  end)
end)

describe("groups of learning rates", function()
  local function shape(optimizer)
    local list = {}
    for i, g in ipairs(optimizer.param_groups) do list[i] = { g.lr, g.names } end
    return list
  end

  it("are one, or the features and the rest", function()
    local model = net(10)
    local features = { "features.0.weight", "features.0.bias", "features.1.weight",
      "features.1.bias" }
    local rest = { "classifier.0.weight", "classifier.0.bias" }
    local both = { unpack(features) }
    for _, name in ipairs(rest) do both[#both + 1] = name end
    assert.same({ { 0.5, both } }, shape(optim.Adam(train.groups({ lr = 0.5 }, model))))
    assert.same({ { 0.1, features }, { 0.5, rest } },
      shape(optim.Adam(train.groups({ lr = 0.5, lr_features = 0.1 }, model))))
  end)
end)

describe("the flags", function()
  local dir, said
  local log = util.log

  setup(function()
    dir = fake.directory()
    util.log = function(_, fmt, ...) said[#said + 1] = fmt:format(...) end -- luacheck: ignore 122
    models.register("spec_net", { options = { classes = 10 }, build = function(o)
      return net(o.classes)
    end })
  end)
  teardown(function()
    util.log = log -- luacheck: ignore 122
    fake.remove(dir)
  end)
  before_each(function() said = {} end)

  local function parse(...)
    return cli.parse({ { "runs_dir", dir }, { "resume", nil }, { "torch_cache_dir", dir },
      unpack(train.finetuning) }, { ... }, "x")
  end

  local function save(name, model, meta)
    assert(core.io.save(name, dict(model), { ["vgg.meta"] = require("vgg.json").encode(meta) }))
    return name
  end

  local function module(normalize)
    return data.CIFAR10DataModule { data = "synthetic", normalize = normalize }
  end

  it("none given: the model as it is, and nothing said", function()
    local model = net(10)
    assert.equal(model, train.pretrained(parse(), model))
    assert.same({}, said)
  end)

  it("--weights loads, and says what was skipped", function()
    local from, to = net(1000), models.build "spec_net"
    local path = save(dir .. "/a.safetensors", from, {})
    train.pretrained(parse("--weights", path), to)
    assert.same({ ("weights %s: 7 tensors; classifier starts anew: classifier.0.weight is 1000x4 "
      .. "in the file, 10x4 in Net (2 tensors skipped)"):format(path) }, said)
    assert.same(numbers(from)["features.0.weight"], numbers(to)["features.0.weight"])
  end)

  it("--weights reads what torch.save and Lightning write", function()
    local save_any, from = require("vgg").save, net(1000)
    for name, options in pairs { ["a.pth"] = {}, ["b.pth"] = { legacy = true }, ["c.ckpt"] = {},
      ["d.pt"] = { prefix = "module." } } do
      options.meta = {}
      local path, to = save_any(from, dir .. "/" .. name, options), models.build "spec_net"
      train.pretrained(parse("--weights", path), to, module "imagenet")
      assert.same({ ("weights %s: 7 tensors; classifier starts anew: classifier.0.weight is 1000x4 "
        .. "in the file, 10x4 in Net (2 tensors skipped)"):format(path) }, said)
      assert.same(numbers(from)["features.1.running_mean"], numbers(to)["features.1.running_mean"])
      assert.same(numbers(from)["features.0.weight"], numbers(to)["features.0.weight"])
      said = {}
    end
  end)

  it("a run's name means its best checkpoint", function()
    core.fs.mkdir(dir .. "/first")
    save(dir .. "/first/best.safetensors", net(10), {})
    train.pretrained(parse("--weights", "first"), models.build "spec_net")
    assert.equal(("weights %s/first/best.safetensors: 9 tensors"):format(dir), said[1])
    local ok, e = pcall(train.pretrained, parse("--weights", dir .. "/none.pth"), net(10))
    assert.is_false(ok)
    assert.equal(3, e.exit)
    assert.matches("checkpoint: '.*/none.pth' not found", e.message)
  end)

  it("warns when the images are normalised otherwise than those of the weights", function()
    local path = save(dir .. "/imagenet.safetensors", net(1000), {})
    train.pretrained(parse("--weights", path), net(10), module())
    assert.equal("weights: they were trained on images normalised with ImageNet's mean 0.485 0.456 "
      .. "0.406, std 0.229 0.224 0.225, these are normalised with CIFAR-10's mean 0.4914 0.4822 "
      .. "0.4465, std 0.247 0.2435 0.2616. --normalize imagenet uses theirs", said[2])
    train.pretrained(parse("--weights", path), net(10), module "imagenet")
    assert.equal(3, #said)
    path = save(dir .. "/ours.safetensors", net(10),
      { config = { normalize = normalization.half } })
    train.pretrained(parse("--weights", path), net(10), module "half")
    assert.equal(4, #said)
    train.pretrained(parse("--weights", path), net(10), module())
    assert.matches("normalised with mean 0.5 0.5 0.5, std 0.5 0.5 0.5, these .* %-%-normalize half",
      said[6])
  end)

  it("--pretrained wants a model with known weights, and no --weights", function()
    for _, case in ipairs {
      { parse("--pretrained"), "%-%-pretrained: no ImageNet weights of spec_net are known %(of: " },
      { parse("--pretrained", "--weights", "x"), "both name weights" },
    } do
      local ok, e = pcall(train.pretrained, case[1], models.build "spec_net")
      assert.is_false(ok)
      assert.equal(2, e.exit)
      assert.matches(case[2], e.message)
    end
  end)

  it("--pretrained takes the file from the cache", function()
    local hub, from = require "vgg.hub", net(1000)
    local path = save(dir .. "/tmp.safetensors", from, {})
    local sum = assert(core.io.sha256(path)):sub(1, 8)
    core.fs.mkdir(dir .. "/checkpoints")
    os.rename(path, ("%s/checkpoints/spec-%s.safetensors"):format(dir, sum))
    hub.known.spec_net = { url = ("http://127.0.0.1:1/spec-%s.safetensors"):format(sum) }
    local to = models.build "spec_net"
    train.pretrained(parse("--pretrained", "--torch-cache-dir", dir), to, module())
    local again = hub.load_state_dict "spec_net"
    assert.same(numbers(from)["classifier.0.bias"], again["classifier.0.bias"]:totable())
    hub.known.spec_net = nil
    hub.set_dir(nil)
    assert.same(numbers(from)["features.0.weight"], numbers(to)["features.0.weight"])
    assert.matches("--normalize imagenet uses theirs", said[2], 1, true)
  end)

  it("a resumed run keeps its own weights", function()
    core.fs.mkdir(dir .. "/going")
    local to = net(10)
    local before = numbers(to)
    local opt = parse("--resume", "going", "--weights", dir .. "/gone.safetensors")
    local ok, e = pcall(train.pretrained, opt, to) -- killed before its first checkpoint
    assert.is_false(ok)
    assert.matches("gone.safetensors' not found", e.message, 1, true)
    save(dir .. "/going/last.safetensors", net(10), {})
    train.pretrained(opt, to)
    assert.same(before, numbers(to))
  end)
end)

describe("normalisation", function()
  local function first_pixel(augment, normalize)
    local dm = data.CIFAR10DataModule { data = "synthetic", train_images = 20, val_split = 0.5,
      augment = augment, normalize = normalize }
    dm:setup "fit"
    local raw = dm.val:pixels(1):to "float32":totable()
    return dm.val[1]:totable()[2][5][6], raw[2][5][6] / 255, dm
  end

  it("by name, in training and validation, whatever the augmentation", function()
    for _, case in ipairs { { "none", nil, 0.4822, 0.2435 }, { "none", "imagenet", 0.456, 0.224 },
      { "dlcv", "imagenet", 0.456, 0.224 }, { "dlcv", "half", 0.5, 0.5 },
      { "course", nil, 0.5, 0.5 }, { "course", "cifar", 0.4822, 0.2435 } } do
      local value, raw, dm = first_pixel(case[1], case[2])
      assert.near((raw - case[3]) / case[4], value, 1e-5, case[1] .. tostring(case[2]))
      assert.equal(case[3], dm.train.pipeline.normalize.mean[2])
      assert.equal(case[3], dm:config().mean[2])
      assert.equal(tostring(data.transforms.pipeline(case[1])), tostring(dm.train.pipeline))
    end
    local ok, e = pcall(data.CIFAR10DataModule, { normalize = "imagnet" })
    assert.is_false(ok)
    assert.equal(2, e.exit)
    assert.matches("--normalize: no 'imagnet' (did you mean 'imagenet'?)", e.message, 1, true)
  end)

  it("is known from a checkpoint's configuration", function()
    local of = normalization.of_config
    assert.equal("imagenet", normalization.name_of(of {
      normalize = { mean = { 0.485, 0.456, 0.406 }, std = { 0.229, 0.224, 0.225 } } }))
    assert.equal("cifar", normalization.name_of(of { flags = { augment = "dlcv" } }))
    assert.equal("half", normalization.name_of(of { flags = { augment = "course" } }))
    assert.equal("imagenet", normalization.name_of(of { flags = { augment = "course",
      normalize = "imagenet" } }))
    assert.is_nil(of {})
    assert.is_nil(normalization.name_of { mean = { 0, 0, 0 }, std = { 1, 1, 1 } })
  end)
end)

describe("a run from trained weights", function()
  local dir
  local threads = tonumber(core.device.describe():match "x(%d+)")
  setup(function()
    dir = fake.directory()
    util.quiet(true)
    core.device.set_threads(1) -- a network so small is done sooner by one
  end)
  teardown(function()
    core.device.set_threads(threads)
    util.quiet(false)
    fake.remove(dir)
  end)

  local function convnet(classes)
    local Net = nn.class "Net"
    function Net:init()
      self.features = nn.Sequential {
        nn.Conv2d { 3, 16, kernel = 3, pad = 1 }, nn.BatchNorm2d { 16 }, nn.ReLU {},
        nn.MaxPool2d { 4 }, nn.Conv2d { 16, 32, kernel = 3, pad = 1 }, nn.BatchNorm2d { 32 },
        nn.ReLU {}, nn.MaxPool2d { 4 },
      }
      self.classifier = nn.Linear { 32 * 2 * 2, classes }
    end
    function Net:forward(x) return self.classifier(self.features(x):flatten(2)) end
    return Net {}
  end

  -- Accuracies of the epochs; `images` of the generated set, which is another for another count.
  local function fit(model, images, epochs, lr)
    local dm = data.CIFAR10DataModule { data = "synthetic", train_images = images,
      test_images = 10, batch_size = 32, augment = "none", val_split = 200 }
    local list, watch = {}, {}
    function watch.on_epoch_end(_, _, row) list[#list + 1] = row["val/acc"] end
    train.Trainer { model = model, optimizer = optim.Adam { model, lr = lr }, seed = 1,
      max_epochs = epochs, save = false, progress = false, header = false, classes = 10,
      callbacks = { watch } }:fit { train = dm:train_dataloader(), valid = dm:val_dataloader() }
    return list
  end

  it("is ahead of one from scratch after equal epochs", function()
    core.manual_seed(3)
    local source = convnet(10)
    fit(source, 800, 8, 3e-3)
    source.classifier = nn.Linear { 32 * 2 * 2, 1000 }
    assert(core.io.save(dir .. "/source.safetensors", dict(source)))
    core.manual_seed(4)
    local scratch = fit(convnet(10), 520, 3, 1e-3)
    core.manual_seed(4)
    local model = convnet(10)
    local r = pretrained.load(model, dir .. "/source.safetensors")
    assert.equal("classifier", r.head)
    local ahead = fit(model, 520, 3, 1e-3)
    for epoch = 1, 3 do
      assert.is_true(ahead[epoch] > scratch[epoch] + 0.05, ("epoch %d: %.3f, from scratch %.3f")
        :format(epoch, ahead[epoch], scratch[epoch]))
    end
  end)
end)
