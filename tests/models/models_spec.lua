-- Models by name: golden numbers, state dicts for every option, initial values, errors.
local vgg = require "vgg"
local json = require "vgg.json"
local util = require "vgg.util"
local models, nn = vgg.models, vgg.nn

local function stored()
  local file = assert(io.open "tests/parity/nn/models.json")
  local text = file:read "*a"
  file:close()
  return json.decode(text)
end

local function shape_text(t) return #t.shape == 0 and "scalar" or table.concat(t.shape, "x") end

local function failure(fn, ...)
  local ok, e = pcall(fn, ...)
  assert.is_false(ok)
  return e
end

local function each_option(name, check)
  for _, want in ipairs(stored()[name]) do
    vgg.scope(function()
      local model = models.build(name, want.options)
      check(model, want)
      for _, p in pairs((model:state_dict())) do p:free() end
    end)
    collectgarbage()
  end
end

describe("vgg16_bn and cifar10net", function()
  for _, name in ipairs { "vgg16_bn", "cifar10net" } do
    it(name .. " has PyTorch's names, shapes and counts for every option", function()
      each_option(name, function(model, want)
        local dict, names = model:state_dict()
        assert.same(want.names, names)
        for i, tensor_name in ipairs(names) do
          assert.equal(want.shapes[i], shape_text(dict[tensor_name]), tensor_name)
        end
        assert.equal(want.parameters, (model:num_parameters()))
        assert.equal(want.macs, (nn.count_macs(model, { 3, 32, 32 })))
        assert.is_true(model.training and model.features.training)
      end)
    end)
  end

  it("have the golden numbers", function()
    local function numbers(name, options)
      return vgg.scope(function()
        local model = models.build(name, options)
        local total, rows = nn.count_macs(model, { 3, 32, 32 })
        local count = model:num_parameters()
        local _, names = model:state_dict()
        for _, p in pairs((model:state_dict())) do p:free() end
        return { count, #names, total, #rows }
      end)
    end
    assert.same({ 33646666, 97, 332111872, 16 }, numbers "vgg16_bn")
    assert.same({ 39929674, 32, 423337984, 16 }, numbers "cifar10net")
    assert.same({ 39938122, 97, 423337984, 16 }, numbers("cifar10net", { batchnorm = true }))
  end)

  it("start as PyTorch starts them", function()
    local spread = stored().spread
    for name, options in pairs { vgg16_bn = {}, cifar10net = { batchnorm = true } } do
      vgg.manual_seed(11)
      local model = models.build(name, options)
      for tensor_name, p in model:named_parameters() do
        local want, n = spread[name][tensor_name], p.numel
        local std = n > 1 and p:std():item() or 0
        local mean, largest = p:mean():item(), p:abs():amax():item()
        assert.is_true(math.abs(mean - want[1]) <= 7 * want[2] / math.sqrt(n), tensor_name)
        if want[2] == 0 then
          assert.equal(want[3], largest, tensor_name)
        else
          assert.is_true(math.abs(std / want[2] - 1) < 5 / math.sqrt(n), tensor_name)
          assert.is_true(largest / want[3] > 0.6 and largest / want[3] < 1.6, tensor_name)
        end
      end
      for _, p in pairs((model:state_dict())) do p:free() end
    end
  end)

  it("are rebuilt from their configuration", function()
    local model = models.vgg16_bn { num_classes = 7, head = "small" }
    local config = model:config()
    assert.same({ name = "vgg16_bn",
      options = { num_classes = 7, head = "small", dropout = false } }, config)
    local again = models.build(config)
    assert.same(config, again:config())
    again:load_state_dict(model:state_dict())
    assert.equal("VGG16BN", again.__name)
    assert.is_nil(nn.Linear({ 2, 2 }):config())
    assert.same({ name = "cifar10net",
      options = { num_classes = 10, batchnorm = false, dropout = false } },
      models.describe "cifar10net")
  end)

  it("refuse what they do not know", function()
    local e = failure(models.build, "vgg16")
    assert.is_true(util.is_failure(e))
    assert.equal(2, e.exit)
    assert.equal("model: no model 'vgg16' (did you mean 'vgg16_bn'?). "
      .. "Models: cifar10net vgg16_bn", e.message)
    assert.equal("model: no model 'cifar10nett' (did you mean 'cifar10net'?). "
      .. "Models: cifar10net vgg16_bn", failure(models.build, "cifar10nett").message)
    assert.is_truthy(failure(models.build, "vgg16_bn", { clases = 3 }):match
      "vgg16_bn: unknown option 'clases'")
    assert.equal("vgg16_bn: head is 'full', 'small' or 'imagenet', got 'huge'",
      failure(models.build, "vgg16_bn", { head = "huge" }))
    assert.equal("cifar10net: dropout is true, false or a probability below 1, got 2",
      failure(models.build, "cifar10net", { dropout = 2 }))
    assert.equal("vgg16_bn: num_classes is a whole number from 1, got 2.5",
      failure(models.build, "vgg16_bn", { num_classes = 2.5 }))
    assert.is_nil(models.resnet)
  end)

  it("say which model a checkpoint of the other looks like", function()
    local small = models.build("vgg16_bn", { head = "small" })
    local e = failure(small.load_state_dict, small,
      { ["classifier.0.weight"] = vgg.zeros({ 4096, 2048 }) })
    assert.is_truthy(e.message:match "^checkpoint: does not fit the model: classifier.0.weight is "
      .. "4096x2048 in the file, 10x512 in VGG16BN")
    assert.is_truthy(e.message:match "The file looks like CIFAR10Net; use %-%-model cifar10net$")
  end)

  it("name the layer of a wrong input", function()
    local small = models.build("vgg16_bn", { head = "small" })
    local x = vgg.zeros { 3, 32, 32 }
    assert.is_truthy(failure(small, x):match
      "features%.0 %(Conv2d 3 %-> 64%): conv2d: want NCHW, got 3x32x32")
  end)
end)
