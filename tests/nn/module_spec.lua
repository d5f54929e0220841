-- nn.Module: registration, walking, state dicts, modes, hooks, errors with the layer, printing.
local vgg = require "vgg"
local util = require "vgg.util"
local nn = vgg.nn
local hash = dofile "tests/nn/hash.lua"

local Block = nn.class "Block"
function Block:init(width)
  self.conv = nn.Conv2d { 3, width, kernel = 3, pad = 1 }
  self.norm = nn.BatchNorm2d { width }
  self.scale = vgg.tensor { 2 }:requires_grad_()
  self:register_buffer("seen", vgg.tensor({ 0 }, "int64"))
  self.note = "plain fields stay plain"
end
function Block:forward(x) return self.norm(self.conv(x)) * self.scale end

local Net = nn.class "Net"
function Net:init()
  self.features = nn.Sequential { Block(4), nn.ReLU {}, nn.MaxPool2d { 2 } }
  self.classifier = nn.Linear { 4 * 4 * 4, 10 }
end
function Net:forward(x) return self.classifier(self.features(x):flatten(2)) end

local function images() return hash.images({ 2, 3, 8, 8 }, 1000) end

local function names(iterator)
  local list = {}
  for name in iterator do list[#list + 1] = name end
  return list
end

local function message(fn, ...)
  local ok, e = pcall(fn, ...)
  assert.is_false(ok)
  return (tostring(e):gsub("^[^:\n]*_spec%.lua:%d+: ", ""))
end

describe("a module", function()
  it("registers children and tensors in order, under PyTorch's names", function()
    local net = Net()
    assert.same({ "", "features", "features.0", "features.0.conv", "features.0.norm", "features.1",
      "features.2", "classifier" }, names(net:named_modules()))
    assert.same({ "features.0.scale", "features.0.conv.weight", "features.0.conv.bias",
      "features.0.norm.weight", "features.0.norm.bias", "classifier.weight", "classifier.bias" },
      names(net:named_parameters()))
    assert.same({ "features.0.seen", "features.0.norm.running_mean",
      "features.0.norm.running_var", "features.0.norm.num_batches_tracked" },
      names(net:named_buffers()))
    assert.same({ "classifier.weight", "classifier.bias" },
      names(net:named_parameters "classifier"))
    assert.equal(2, #net:parameters "classifier")
    assert.equal(7, #net:parameters())
    assert.same({ "features", "classifier" }, names(net:named_children()))
    assert.equal("plain fields stay plain", net.features[1].note)
    local all, trained = net:num_parameters()
    assert.equal(1 + 3 * 4 * 9 + 4 + 8 + 640 + 10, all)
    assert.equal(all, trained)
  end)

  it("is reached by field, position and path", function()
    local net = Net()
    assert.equal(net.features[1], net:get "features.0")
    assert.equal(net.features["0"], net.features[1])
    assert.equal(net.features[1].conv.weight, net:get "features.0.conv.weight")
    assert.equal("no field 'wieght' in Conv2d (did you mean 'weight'?)",
      message(function() return net.features[1].conv.wieght end))
    assert.equal("no layer 4 in Sequential: it has 3",
      message(function() return net.features[4] end))
    assert.equal("no layer 'clasifier' in Net (did you mean 'classifier'?)",
      message(net.get, net, "clasifier.weight"))
    assert.equal("no layer '7' in features", message(net.parameters, net, "features.7"))
    local fields = {}
    for i, name in ipairs(net:fields()) do fields[name] = i end
    assert.equal(1, fields.features)
    assert.is_truthy(fields.training and fields.state_dict and fields.forward and fields.to)
    assert.is_nil(fields._modules)
  end)

  it("replaces children and tensors in place", function()
    local net = Net()
    net.classifier = nn.Identity {}
    assert.same({ "features", "classifier" }, names(net:named_children()))
    assert.same({ 2, 64 }, net(images()).shape)
    local block = net.features[1]
    local fresh = vgg.tensor { 5 }
    block.scale = fresh
    assert.equal(fresh, net:get "features.0.scale")
    assert.is_true(fresh.requires_grad)
    assert.equal("Net: 'train' is a method and cannot name a child",
      message(function() net.train = nn.Identity {} end))
    assert.equal("Net: a child needs a name without dots, got 'a.b'",
      message(function() net["a.b"] = nn.Identity {} end))
  end)

  it("shares tensors and modules without counting them twice", function()
    local a = nn.Linear { 3, 3 }
    local net = nn.Sequential { a, nn.ReLU {}, a }
    assert.equal(2, #net:parameters())
    assert.same({ 2, 3 }, net(hash.images({ 2, 3 }, 1)).shape)
  end)

  it("switches training and evaluation for the whole tree", function()
    local net = Net()
    net:eval()
    for _, m in net:named_modules() do assert.is_false(m.training) end
    local x = images()
    assert.same(net(x):flatten():totable(), net(x):flatten():totable())
    assert.equal(0, net:get("features.0.norm.num_batches_tracked"):item())
    net:train()
    net(x)
    assert.equal(1, net:get("features.0.norm.num_batches_tracked"):item())
    assert.equal("train: want true or false", message(net.train, net, 1))
  end)

  it("freezes: no gradients and no statistics, until released", function()
    local net = Net()
    net.features:freeze()
    net:train()
    net(images()):sum():backward()
    assert.is_nil(net:get("features.0.conv.weight").grad)
    assert.is_not_nil(net.classifier.weight.grad)
    assert.equal(0, net:get("features.0.norm.num_batches_tracked"):item())
    local all, trained = net:num_parameters()
    assert.equal(650, trained)
    assert.is_true(all > trained)
    net.features:freeze(false)
    net(images()):sum():backward()
    assert.is_not_nil(net:get("features.0.conv.weight").grad)
    assert.equal(1, net:get("features.0.norm.num_batches_tracked"):item())
    net:requires_grad_(false)
    assert.is_nil(net.classifier.weight.grad)
    assert.equal(0, select(2, net:num_parameters()))
  end)

  it("clears gradients, applies functions, moves in place", function()
    local net = Net()
    local weight = net.classifier.weight
    net(images()):sum():backward()
    assert.is_not_nil(weight.grad)
    net:to "cpu"
    assert.is_not_nil(weight.grad)
    assert.equal(weight, net.classifier.weight)
    net:zero_grad()
    assert.is_nil(weight.grad)
    local order = {}
    net:apply(function(m) order[#order + 1] = m.__name end)
    assert.equal("Net", order[#order])
    assert.equal(8, #order)
  end)
end)

describe("a state dict", function()
  it("loads into an equal module", function()
    vgg.manual_seed(1)
    local a, b = Net(), Net()
    a(images())
    local dict, order = a:state_dict()
    assert.same({ "features.0.scale", "features.0.seen" }, { order[1], order[2] })
    assert.equal(11, #order)
    assert.same({ missing = {}, unexpected = {} }, b:load_state_dict(dict))
    local x = images()
    assert.same(a:eval()(x):totable(), b:eval()(x):totable())
    assert.equal(1, b:get("features.0.norm.num_batches_tracked"):item())
    assert.is_true(b.classifier.weight.requires_grad)
  end)

  it("refuses what does not fit, by name, and writes nothing", function()
    local net = Net()
    local before = net.classifier.bias:totable()
    local dict = net:state_dict()
    local function load(changes, options)
      local given = {}
      for name, tensor in pairs(dict) do given[name] = tensor end
      for name, tensor in pairs(changes) do given[name] = tensor or nil end
      local ok, e = pcall(net.load_state_dict, net, given, options)
      return ok and e or tostring(e), e
    end
    local zeros = vgg.tensor { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
    local text, e = load { ["classifier.bias"] = zeros, ["classifier.weight"] = zeros }
    assert.equal("checkpoint: does not fit the model: classifier.weight is 10 in the file, "
      .. "10x64 in Net", text)
    assert.is_true(util.is_failure(e))
    assert.equal(3, e.exit)
    assert.same(before, net.classifier.bias:totable())
    assert.equal("checkpoint: does not fit the model: missing classifier.bias; unexpected extra",
      (load { ["classifier.bias"] = false, extra = zeros }))
    local report = load({ ["classifier.bias"] = false, extra = zeros }, { strict = false })
    assert.same({ missing = { "classifier.bias" }, unexpected = { "extra" } }, report)
    assert.is_truthy(load({ ["classifier.bias"] = before and vgg.tensor { 1 } },
      { strict = false }):match "classifier.bias is 1 in the file, 10 in Net")
    assert.equal("load_state_dict: unknown option 'strikt' (did you mean 'strict'?)",
      (load({}, { strikt = false }):gsub("^[^:\n]*%.lua:%d+: ", "")))
  end)

  it("takes files without the count of batches as zero", function()
    local net = nn.BatchNorm2d { 2 }
    net(hash.images({ 2, 2, 3, 3 }, 1))
    local dict = nn.BatchNorm2d({ 2 }):state_dict()
    dict.num_batches_tracked = nil
    net:load_state_dict(dict)
    assert.equal(0, net.num_batches_tracked:item())
  end)
end)

describe("hooks", function()
  it("see and may change inputs and outputs, by path, until removed", function()
    local net, seen = Net():eval(), {}
    local x = images()
    local plain = net(x):totable()
    local handle = net:register_forward_hook("features.2", function(m, input, output)
      seen[#seen + 1] = { m.__name, input.shape[3], output.shape[3] }
    end)
    local doubled = net.classifier:register_forward_hook(function(_, _, y) return y * 2 end)
    local twice = net(x):totable()
    assert.same({ { "MaxPool2d", 8, 4 } }, seen)
    assert.is_true(math.abs(twice[1][1] - 2 * plain[1][1]) < 1e-6)
    handle:remove()
    handle:remove()
    doubled:remove()
    local halved = net:register_forward_pre_hook("classifier", function(_, input)
      return input * 0
    end)
    assert.same(net.classifier.bias:totable(), net(x):totable()[1])
    halved:remove()
    assert.same(plain, net(x):totable())
    assert.equal(1, #seen)
    assert.equal("a hook is a function, got a number",
      message(net.register_forward_hook, net, 3))
  end)

  it("keep a fused pair apart while they are there", function()
    local net = nn.Sequential { nn.BatchNorm2d { 3 }, nn.ReLU {} }
    local lowest
    local handle = net:register_forward_hook("0", function(_, _, y) lowest = y:amin():item() end)
    local x = images()
    local watched = net(x)
    assert.is_true(lowest < 0)
    handle:remove()
    lowest = nil
    local free = net(x)
    assert.is_nil(lowest)
    assert.same(watched:flatten():totable(), free:flatten():totable())
  end)
end)

describe("an error inside a model", function()
  it("names the layer once, at the outermost call, with the caller's position", function()
    local net = Net()
    local x = hash.images({ 3, 8, 8 }, 1)
    assert.equal("features.0.conv (Conv2d 3 -> 4): conv2d: want NCHW, got 3x8x8", message(net, x))
    local ok, e = pcall(function() net(x) end)
    assert.is_false(ok)
    assert.is_truthy(e:match "^[^:\n]*module_spec%.lua:%d+: features%.0%.conv")
    assert.is_truthy(message(net.classifier, x):match "^Linear 64 %-> 10: ")
    assert.same({ 2, 10 }, net(images()).shape)
  end)

  it("keeps positions in the user's own files", function()
    local net = nn.Sequential { nn.Lambda { function(x) return x.nothing end } }
    local text = select(2, pcall(net, images()))
    assert.is_truthy(text:match "0 %(Lambda%): .-module_spec%.lua:%d+: no field 'nothing'")
  end)

  it("survives a module that catches one", function()
    local Guard = nn.class "Guard"
    function Guard:init() self.inner, self.after = nn.Linear { 3, 3 }, nn.Linear { 4, 4 } end
    function Guard:forward(x)
      pcall(self.inner, hash.images({ 2, 2 }, 1))
      return self.after(x)
    end
    local net = nn.Sequential { Guard() }
    assert.is_truthy(message(net, hash.images({ 2, 5 }, 1)):match "^0%.after %(Linear 4 %-> 4%): ")
    assert.same({ 2, 4 }, net(hash.images({ 2, 4 }, 1)).shape)
  end)

  it("says so when there is no forward", function()
    assert.equal("ModuleList: ModuleList has no forward", message(nn.ModuleList {}, images()))
  end)
end)

describe("containers", function()
  it("run residuals, lambdas and lists", function()
    local x = hash.images({ 2, 3 }, 1)
    local double = nn.Residual { nn.Identity {} }
    assert.same((x * 2):totable(), double(x):totable())
    local shorted = nn.Residual {
      nn.Identity {}, shortcut = nn.Lambda { function(t) return t * 2 end },
    }
    assert.is_true((shorted(x) - x * 3):abs():amax():item() < 1e-6)
    local list = nn.ModuleList { nn.Linear { 3, 2 } }
    list:add(nn.Linear { 2, 5 })
    assert.same({ "0.weight", "0.bias", "1.weight", "1.bias" }, names(list:named_parameters()))
    for _, m in list:iter() do x = m(x) end
    assert.same({ 2, 5 }, x.shape)
    assert.same({ 2, 12 }, nn.Flatten {}(hash.images({ 2, 3, 4 }, 1)).shape)
    assert.same({ 6, 4 }, nn.Flatten { first = 1, last = 2 }(hash.images({ 2, 3, 4 }, 1)).shape)
  end)

  it("run every activation and pooling layer", function()
    local x = images()
    for _, name in ipairs { "ReLU", "ReLU6", "LeakyReLU", "ELU", "GELU", "SiLU", "Sigmoid", "Tanh",
      "Softplus", "Hardswish", "Hardsigmoid", "Softmax", "LogSoftmax", "Dropout", "Identity" } do
      assert.same({ 2, 3, 8, 8 }, nn[name] {}(x).shape, name)
    end
    assert.same({ 2, 3, 4, 4 }, nn.AvgPool2d { 2 }(x).shape)
    assert.same({ 2, 3, 3, 3 }, nn.MaxPool2d { 3, stride = 2 }(x).shape)
    assert.same({ 2, 3, 2, 5 }, nn.AdaptiveAvgPool2d { { 2, 5 } }(x).shape)
    assert.same({ 2, 3, 1, 1 }, nn.AdaptiveMaxPool2d { 1 }(x).shape)
    local total = nn.Softmax {}(x):sum(-1)
    assert.is_true((total - 1):abs():amax():item() < 1e-6)
  end)

  it("drop out only in training", function()
    local drop, x = nn.Dropout { 0.5 }, hash.images({ 100 }, 1)
    local zeros = 0
    for _, v in ipairs(drop(x):totable()) do if v == 0 then zeros = zeros + 1 end end
    assert.is_true(zeros > 20 and zeros < 80)
    assert.equal(x, drop:eval()(x))
  end)

  it("compute losses", function()
    local logits, y = vgg.tensor { { 1, 2, 3 }, { 3, 2, 1 } }, vgg.tensor({ 2, 2 }, "int64")
    local a, b = 0.40760596, 2.40760596
    assert.is_true(math.abs(nn.CrossEntropyLoss {}(logits, y):item() - (a + b) / 2) < 1e-6)
    assert.is_true(
      math.abs(nn.CrossEntropyLoss { reduction = "sum" }(logits, y):item() - a - b) < 1e-6)
    local x, target = vgg.tensor { 1, 3 }, vgg.tensor { 3, 1 }
    assert.equal(4, nn.MSELoss {}(x, target):item())
    assert.equal(8, nn.MSELoss { reduction = "sum" }(x, target):item())
    assert.error_matches(function() nn.MSELoss {}(x, vgg.zeros { 1 }) end, "equal shapes")
  end)
end)

describe("printing", function()
  it("shows a tree with parameter counts, and shapes after a forward", function()
    local net = Net():eval()
    assert.equal(table.concat({
      "Net  771 parameters  eval  " .. vgg.get_default_device(),
      "  (features) Sequential                      121",
      "    (0) Block                                121",
      "      (conv) Conv2d 3 -> 4, kernel 3, pad 1  112",
      "      (norm) BatchNorm2d 4                     8",
      "    (1) ReLU",
      "    (2) MaxPool2d, kernel 2",
      "  (classifier) Linear 64 -> 10               650",
    }, "\n"), tostring(net))
    net(images())
    local text = tostring(net)
    local function shows(line) assert.is_truthy(text:find(line, 1, true), text) end
    shows "(conv) Conv2d 3 -> 4, kernel 3, pad 1  3x8x8 -> 4x8x8  112"
    shows "(classifier) Linear 64 -> 10               64 -> 10        650"
    net.features:freeze()
    assert.equal("Net  771 parameters  650 trained  eval  " .. vgg.get_default_device(),
      net:headline())
    assert.equal("BatchNorm2d 4, eps 0.001, not affine  train",
      tostring(nn.BatchNorm2d { 4, eps = 1e-3, affine = false }))
  end)
end)

describe("memory", function()
  it("is all given back when a model goes", function()
    collectgarbage()
    collectgarbage()
    local before = vgg.device.host_memory().tensors
    do
      local net = Net()
      net(images()):sum():backward()
    end
    collectgarbage()
    collectgarbage()
    assert.equal(before, vgg.device.host_memory().tensors)
  end)
end)

describe("a training loop", function()
  it("asks the system for nothing after its first steps", function()
    local net = Net()
    local optimizer = vgg.optim.Adam { net:parameters(), lr = 1e-3 }
    local function step()
      vgg.scope(function()
        optimizer:zero_grad()
        local loss = net(images()):cross_entropy(hash.labels(2, 1, 10))
        loss:backward()
        optimizer:step()
      end)
    end
    for _ = 1, 3 do step() end
    local device, host = vgg.device.memory(), vgg.device.host_memory()
    for _ = 1, 200 do step() end
    assert.equal(device.device_allocs, vgg.device.memory().device_allocs)
    assert.equal(device.live, vgg.device.memory().live)
    assert.equal(host.tensors, vgg.device.host_memory().tensors)
    if host.caching then
      assert.equal(host.system_calls, vgg.device.host_memory().system_calls)
    end
  end)
end)
