-- The summary: torchinfo's text, the golden numbers, and the memory plan against the allocator.
local core = require "vgg.core"
local json = require "vgg.json"
local nn = require "vgg.nn"
local process = require "tests.support.process"
local summary = require "vgg.summary"
local twins = require "tests.summary.models"
local vgg = require "vgg"

local function stored(name)
  local f = assert(io.open("tests/parity/summary/" .. name .. ".txt", "rb"))
  local text = f:read "*a"
  f:close()
  return text
end

local every = { "input_size", "output_size", "num_params", "params_percent", "kernel_size",
  "mult_adds", "trainable" }

local big -- made once a test

local function vgg16_bn()
  if not big then finally(function() big = nil end) end
  big = big or vgg.models.vgg16_bn {}
  return big
end

-- A list of { images, labels } as a loader.
local function loader(batches, size, width)
  local x, y = core.randn({ size, 3, width, width }):keep(), core.zeros({ size }, "int64"):keep()
  return { len = function() return batches end, size_of = function() return size end,
    get = function() return x, y end }
end

local function trained(model, size, width, limit)
  local optimizer = vgg.optim.Adam { model, lr = 1e-3 }
  local trainer = vgg.train.Trainer { model = model, optimizer = optimizer, max_epochs = 1,
    classes = 10, save = false, progress = false, header = false }
  collectgarbage()
  collectgarbage()
  local before = core.device.memory().live
  local data = loader(3, size, width)
  core.device.reset_peak()
  if limit then core.device.set_memory_limit(limit(before)) end
  local ok, e = pcall(trainer.fit, trainer, { train = data })
  core.device.set_memory_limit(0)
  return ok, e, core.device.memory().peak - before
end

describe("the table", function()
  it("is torchinfo's, line for line", function()
    for name, make in pairs {
      vgg16_bn_1 = { vgg16_bn, { batch_size = 1 } },
      vgg16_bn_128 = { vgg16_bn, { batch_size = 128, columns = every } },
      vgg16_bn_depth1 = { vgg16_bn, { batch_size = 2, depth = 1 } },
      null_32 = { twins.null, { batch_size = 32 } },
      null_128 = { twins.null, { batch_size = 128, columns = every } },
      shared_4 = { twins.shared, { batch_size = 4, columns = every } },
      shared_depth1 = { twins.shared, { batch_size = 4, columns = every, depth = 1 } },
    } do
      assert.equal(stored(name), summary(make[1] {}, make[2]):torchinfo() .. "\n", name)
    end
  end)

  it("has the totals of the compatible mode beside the exact ones", function()
    local s = summary(twins.null {}, { batch_size = 128 })
    assert.equal(790807808, s.compatible.mult_adds)
    assert.equal(6128896, s.macs)
    local text = tostring(s)
    assert.matches("MACs: 6,128,896 an image, 784,498,688 a batch", text, 1, true)
    assert.matches("as torchinfo counts, batch 128", text, 1, true)
  end)

  it("knows columns and says which there are", function()
    assert.matches("Groups", summary(twins.shared {}, { columns = { "groups" } }):torchinfo())
    local ok, e = pcall(summary, twins.null {}, { columns = { "kernelsize" } })
    assert.is_false(ok)
    assert.matches("no column 'kernelsize' (did you mean 'kernel_size'?)", e.message, 1, true)
    assert.equal(2, e.exit)
  end)
end)

describe("exact figures", function()
  it("are the golden numbers", function()
    for _, case in ipairs {
      { vgg16_bn(), 33646666, 332111872 },
      { vgg.models.cifar10net {}, 39929674, 423337984 },
    } do
      local s = summary(case[1], { batch_size = 2, depth = 0 })
      assert.equal(case[2], s.parameters)
      assert.equal(case[3], s.macs)
      assert.equal(case[3], (require("vgg.nn.count").macs(case[1], { 3, 32, 32 })))
    end
  end)

  it("count products outside layers, per position", function()
    local attention = nn.Lambda { function(x)
      local q = x:flatten(3) -- N x 4 x 64
      return q:matmul(q:transpose(2, 3)):matmul(q)
    end }
    local s = summary(nn.Sequential { nn.Conv2d { 3, 4, kernel = 1 }, attention },
      { input = { 3, 8, 8 }, batch_size = 5, optimizer = false })
    assert.equal(64 * 12 + 2 * 4 * 64 * 4, s.macs)
  end)

  it("rank layers and mark those that get no gradient", function()
    local model = nn.Sequential { nn.Conv2d { 3, 4, kernel = 3 }, nn.Flatten {},
      nn.Linear { 4 * 36, 5 } }
    model:add_module("unused", nn.Linear { 100, 100 })
    local unused = model.unused
    model.forward = function(self, x) return self[3](self[2](self[1](x))) end
    local s = summary(model, { input = { 3, 8, 8 } })
    assert.same({ { name = "unused", params = 10100 } }, s.no_gradient)
    assert.equal("0", s.by_macs[1].name)
    assert.equal("2", s.by_params[1].name)
    assert.matches("No gradient arrives at 10,100 parameters (92.3 %)", tostring(s), 1, true)
    assert.is_nil(unused.weight.grad)
    model = nn.Sequential { nn.Conv2d { 3, 4, kernel = 3 }, nn.Flatten {}, nn.Linear { 144, 5 } }
    model[1]:freeze()
    assert.matches("Conv2d 3 %-> 4 .- frozen", tostring(summary(model, { input = { 3, 8, 8 } })))
  end)

  it("leave the model as it was", function()
    local model = nn.Sequential { nn.Conv2d { 3, 4, kernel = 3 }, nn.BatchNorm2d { 4 }, nn.ReLU {},
      nn.Dropout { 0.5 }, nn.Flatten {}, nn.Linear { 144, 5 } }:eval()
    model(core.randn({ 2, 3, 8, 8 })):sum():backward()
    local before, grad = {}, model[1].weight.grad:tobytes()
    for name, t in pairs(model:state_dict()) do before[name] = t:tobytes() end
    local seed, position = core.rng_state()
    local live = core.device.memory().live
    summary(model, { input = { 3, 8, 8 }, budget = 1e7 })
    for name, t in pairs(model:state_dict()) do
      assert.equal(before[name], t:tobytes())
      assert.equal("cpu", t.device)
    end
    assert.equal(grad, model[1].weight.grad:tobytes())
    assert.is_false(model[2].training)
    assert.same({ seed, position }, { core.rng_state() })
    assert.is_true(core.device.memory().live <= live)
    local ok, e = pcall(summary, model, { input = { 4, 8, 8 } })
    assert.is_false(ok)
    assert.matches("conv2d", tostring(e))
    assert.equal(before["0.weight"], model[1].weight:tobytes())
  end)
end)

describe("the memory plan", function()
  local function small()
    return nn.Sequential { nn.Conv2d { 3, 16, kernel = 3, pad = 1 }, nn.BatchNorm2d { 16 },
      nn.ReLU {}, nn.MaxPool2d { 2 }, nn.Conv2d { 16, 32, kernel = 3, pad = 1 }, nn.ReLU {},
      nn.MaxPool2d { 2 }, nn.Dropout { 0.2 }, nn.Flatten {}, nn.Linear { 32 * 16, 10 } }
  end

  it("is the allocator's peak within 2 %", function()
    for _, case in ipairs { { small, 16, 48 }, { small, 16, 301 },
      { vgg16_bn, 32, 3 } } do
      local model = case[1] {}
      local parameters = 0
      for _, t in pairs(model:state_dict()) do parameters = parameters + 4 * t.numel end
      local ok, e, peak = trained(model, case[3], case[2])
      assert.is_true(ok, tostring(e))
      local m = summary.plan.training(model, { batch_size = case[3],
        input = { 3, case[2], case[2] } })
      local ratio = (m.peak - m.parameters) / peak
      assert.is_true(math.abs(ratio - 1) < 0.02, ("batch %d: %.4f"):format(case[3], ratio))
    end
  end)

  it("finds the largest batch: it runs, 5 %% more does not", function()
    local budget, input = 20e6, { 3, 16, 16 }
    local plan = summary(small(), { input = input, budget = budget })
    local n = plan.largest_batch
    assert.is_true(n > 100)
    local own = plan.memory.parameters
    local function limit(before) return before + budget - own end
    local ok, e = trained(small(), n, 16, limit)
    assert.is_true(ok, tostring(e))
    local more = math.ceil(1.05 * n)
    ok, e = trained(small(), more, 16, limit)
    assert.is_false(ok)
    assert.equal(5, e.exit)
    assert.matches(("memory: batch %d of Sequential needs "):format(more), e.message, 1, true)
    assert.matches("Largest that fits: ", e.message, 1, true)
    assert.equal(0, summary(small(), { input = input, budget = 1000 }).largest_batch)
  end)

  it("knows optimizers and accumulation", function()
    local model, bytes = small(), {}
    for i, optimizer in ipairs { "Adam", "SGD", "none" } do
      bytes[i] = summary(model, { input = { 3, 16, 16 }, batch_size = 1,
        optimizer = optimizer }).memory.fixed
    end
    local _, trained_values = model:num_parameters()
    assert.is_true(bytes[1] - bytes[2] >= 4 * trained_values)
    assert.is_true(bytes[2] - bytes[3] >= 4 * trained_values)
    assert.is_false(pcall(summary, model, { optimizer = "Adan" }))
  end)
end)

describe("vgglua summary", function()
  it("prints the table and, with --json, an object", function()
    local r = process.run { "summary", "vgg16_bn", "--batch-size", "1" }
    assert.equal(0, r.code, r.err)
    assert.equal(stored "vgg16_bn_1", r.out:sub(1, #stored "vgg16_bn_1"))
    r = process.run { "summary", "cifar10net", "--set", "batchnorm=true", "--json", "--budget",
      "2GiB" }
    local object = json.decode(r.out)
    assert.equal(423337984, object.macs_per_image)
    assert.equal(39938122, object.parameters)
    assert.is_true(object.largest_batch > 128)
    assert.equal("classifier.2", object.layers[#object.layers - 2].name)
  end)

  it("explains what it does not find", function()
    local r = process.run { "summary", "vgg16" }
    assert.equal(2, r.code)
    assert.matches("(did you mean 'vgg16_bn'?)", r.err, 1, true)
    assert.equal(3, process.run({ "summary", "runs/none.safetensors" }).code)
    assert.equal(2, process.run({ "summary", "vgg16_bn", "--budget", "much" }).code)
    assert.equal(2, process.run({ "summary", "vgg16_bn", "--set", "head=huge" }).code)
  end)
end)
