-- Files written by PyTorch, Lightning and safetensors: every value, and what must be refused.
local vgg = require "vgg"
local core = require "vgg.core"
local checkpoint = require "vgg.checkpoint"
local json = require "vgg.json"
local nn = require "vgg.nn"
local scratch = dofile "tests/support/scratch.lua"

local folder = "tests/parity/torchfile/"
local function scoped(fn) return function() core.scope(fn) end end

local stored
local function values()
  stored = stored or json.decode(scratch.read(folder .. "values.json"))
  return stored
end

local function flat(t)
  local list = t:reshape { t.numel }:totable()
  return type(list) == "table" and list or { list }
end

-- Equal but for what float32 cannot hold of a float64.
local function same_values(want, tensor, name)
  assert.same(want.shape[1] and want.shape or {}, tensor.shape, name)
  if tensor.numel == 0 then return end
  for i, x in ipairs(flat(tensor)) do
    local y = want.values[i]
    local off = x == y and 0 or math.abs(x - y)
    assert.is_true(off <= math.abs(y) * 6e-8, ("%s[%d]: %s, want %s"):format(name, i, x, y))
  end
end

local Net = nn.class "Net"

function Net:init(parts)
  for name, part in pairs(parts) do self[name] = part end
end

local function net()
  return Net {
    features = nn.Sequential { nn.Conv2d { 3, 4, kernel = 3 }, nn.BatchNorm2d { 4 } },
    classifier = nn.Sequential { nn.Linear { 16, 3 } },
  }
end

local function refusal(name)
  local ok, message = checkpoint.load(folder .. name)
  assert.is_nil(ok, name)
  return message
end

describe("tensors in a file's map", function()
  it("can be written without changing the file, and outlive it", scoped(function()
    local dir, wipe = scratch.new()
    local path = dir .. "/x.safetensors"
    local file = { tensors = { a = vgg.arange(5000):float(), b = vgg.ones { 3 } } }
    assert(checkpoint.save(path, file))
    local bytes = scratch.read(path)
    local state = vgg.load_state(path, { mmap = true })
    state.a:mul_(2)
    assert.same({ 0, 2, 9998 }, { state.a[1]:item(), state.a[2]:item(), state.a[5000]:item() })
    assert.equal(bytes, scratch.read(path))
    assert.equal(1, vgg.load_state(path).a[2]:item())
    assert(os.remove(path))
    state.b:add_(1)
    assert.equal(2, state.b[3]:item())
    assert.equal(9998, state.a[5000]:item())
    wipe()
  end))

  it("that cannot stay are copied: another type, strides, bad alignment", scoped(function()
    local mapped = checkpoint.load(folder .. "types_legacy.pth", { mmap = true }).tensors
    for _, tensor in pairs(mapped) do
      if tensor.numel > 0 then tensor:fill_(1) end
    end
    assert.is_true(checkpoint.verify(folder .. "types_legacy.pth"))
  end))
end)

describe("files of PyTorch", function()
  for _, name in ipairs { "types.pth", "types_legacy.pth", "types.safetensors", "views.pth",
    "views_legacy.pth", "net.pth", "net_legacy.pth", "net_p4.pt", "net_legacy_p4.pt",
    "net.safetensors", "net_wrapped.pth", "net_parallel.pth", "net_without_counter.pth",
    "parameters_2017.pth", "net_deflated.pth", "lightning.ckpt" } do
    it(name .. " is read value by value, from its map as well", scoped(function()
      local want = assert(values()[name])
      for key, tensor in pairs(assert(checkpoint.load(folder .. name, { mmap = true })).tensors) do
        same_values(assert(want[key], key), tensor, key)
      end
      local file = assert(checkpoint.load(folder .. name))
      local n = 0
      for key, tensor in pairs(file.tensors) do
        n = n + 1
        same_values(assert(want[key], key), tensor, key)
      end
      for _ in pairs(want) do n = n - 1 end
      assert.equal(0, n)
      assert.is_true(checkpoint.verify(folder .. name))
    end))
  end

  it("keep their element types", scoped(function()
    local file = assert(checkpoint.load(folder .. "types.pth")).tensors
    local function dtype(name) return file[name].dtype end
    assert.same({ "float32", "bfloat16", "float32", "int64", "int64", "uint8", "uint8" },
      { dtype "f16", dtype "bf16", dtype "f64", dtype "i64", dtype "i8", dtype "u8", dtype "bool" })
    local e = {}
    for _, x in ipairs(checkpoint.inspect(folder .. "types.pth").entries) do e[x.name] = x.dtype end
    assert.same({ "F16", "F64", "BOOL", "U16" }, { e.f16, e.f64, e.bool, e.u16 })
  end))

  it("fill a model, whatever the form and the prefix", scoped(function()
    local want = values()["net.pth"]
    for _, name in ipairs { "net.pth", "net_legacy.pth", "net_p4.pt", "net.safetensors",
      "net_wrapped.pth", "net_parallel.pth", "net_deflated.pth", "models--owner--net",
      "models--owner--net/", "models--owner--net/snapshots/0123abcd" } do
      local model = net()
      assert.equal(model, (vgg.load(folder .. name, { model = model })))
      assert.is_false(model.training)
      for key, tensor in pairs((model:state_dict())) do same_values(want[key], tensor, key) end
    end
  end))

  it("without the batch counter leave it at zero", scoped(function()
    for _, name in ipairs { "net_without_counter.pth", "parameters_2017.pth" } do
      local model = net()
      model.features[2].num_batches_tracked:add_(9)
      vgg.load(folder .. name, { model = model })
      assert.equal(0, model.features[2].num_batches_tracked:item())
    end
  end))

  it("of Lightning give hyper-parameters and, when asked, the optimizer's state", scoped(function()
    local tensors, rest = vgg.load_state(folder .. "lightning.ckpt")
    assert.same({ 4, 3, 3, 3 }, tensors["features.0.weight"].shape)
    assert.is_nil(tensors.steps)
    local plain = rest.plain
    assert.same({ lr = 1e-2, widths = { 16, 3 }, name = "née", betas = { 0.9, 0.99 } },
      plain.hyper_parameters)
    assert.same({ 2, 4 }, { plain.epoch, plain.global_step })
    local all = vgg.load_state(folder .. "lightning.ckpt", { all = true })
    assert.same({ 4, 3, 3, 3 }, all["optimizer_states.0.state.0.exp_avg"].shape)
    assert.equal(4, all["optimizer_states.0.state.0.step"]:item())
    assert.equal("Lightning checkpoint", checkpoint.inspect(folder .. "lightning.ckpt").kind)
  end))

  it("may be lists and bare tensors", scoped(function()
    local tensors = vgg.load_state(folder .. "list.pt")
    assert.same({ 1, 1 }, tensors["0"]:totable())
    assert.same({ 0 }, tensors["1.a"]:totable())
    assert.same({ 3 }, tensors["1.3"]:totable())
    assert.same({ 0, 1, 2 }, vgg.load_state(folder .. "tensor.pt").tensor:totable())
  end))
end)

describe("a file that does not fit", function()
  it("is refused with every name, or read in part", scoped(function()
    local other = Net {
      features = nn.Sequential { nn.Conv2d { 3, 4, kernel = 3 }, nn.ReLU {} },
      classifier = nn.Sequential { nn.Linear { 16, 5 } }, extra = nn.Linear { 2, 2 },
    }
    local before = other.classifier[1].weight:totable()
    local ok, e = pcall(vgg.load, folder .. "net.pth", { model = other })
    assert.is_false(ok)
    assert.equal(3, e.exit)
    assert.equal("checkpoint: does not fit the model: classifier.0.bias is 3 in the file, 5 in "
      .. "Net (and 1 more: classifier.0.weight)", e.message)
    local model, _, report = vgg.load(folder .. "net.pth", { model = other, strict = false })
    assert.same({ missing = { "extra.bias", "extra.weight" },
      unexpected = { "features.1.bias", "features.1.num_batches_tracked",
        "features.1.running_mean", "features.1.running_var", "features.1.weight" },
      differing = { "classifier.0.bias", "classifier.0.weight" } }, report)
    assert.same(before, model.classifier[1].weight:totable())
    same_values(values()["net.pth"]["features.0.weight"], model.features[1].weight, "weight")
  end))

  it("and does not say of which model it is needs one", scoped(function()
    local ok, e = pcall(vgg.load, folder .. "net.pth")
    assert.is_false(ok)
    assert.equal("checkpoint: 'tests/parity/torchfile/net.pth' does not say which model it is. "
      .. "vgg.load(path, { model = ... }) fills one, vgg.load_state(path) gives the tensors",
      e.message)
  end))

  it("names the models it knows", scoped(function()
    local fit = require "vgg.checkpoint.fit"
    local function looks(shapes)
      local entries = {}
      for name, shape in pairs(shapes) do entries[#entries + 1] = { name = name, shape = shape } end
      return fit.looks_like(entries, "VGG16BN")
    end
    assert.equal(". The file looks like CIFAR10Net; use --model cifar10net",
      looks { ["classifier.0.weight"] = { 4096, 2048 } })
    assert.equal("", looks { ["classifier.0.weight"] = { 4096, 512 } })
    assert.equal(". The file looks like torchvision's vgg16_bn", looks {
      ["classifier.0.weight"] = { 4096, 25088 }, ["features.40.weight"] = { 512, 512, 3, 3 },
      ["features.41.running_mean"] = { 512 } })
    assert.equal(". The file looks like ResNet-18", looks { ["conv1.weight"] = { 64, 3, 7, 7 },
      ["layer4.1.conv2.weight"] = { 512, 512, 3, 3 }, ["fc.weight"] = { 1000, 512 } })
    assert.equal(". The file looks like EfficientNet-B0 (timm)", looks {
      ["conv_stem.weight"] = { 32, 3, 3, 3 }, ["conv_head.weight"] = { 1280, 320, 1, 1 } })
  end))
end)

describe("what is refused", function()
  local at = "checkpoint: 'tests/parity/torchfile/"
  local cases = {
    { "bad_system.pth", "cannot be read: pickle: data.pkl at byte 13: global 'posix.system' is "
      .. "refused (only plain data is read). A file of tensors alone can be read; in Python: "
      .. "torch.save(model.state_dict(), path)" },
    { "bad_system_legacy.pth", "cannot be read: pickle: object at byte %d+: global "
      .. "'posix.system' is refused" },
    { "bad_eval.pth", "global '__builtin__.eval' is refused" },
    { "bad_module.pth", "global 'torch.nn.modules.container.Sequential' is refused" },
    { "bad_sparse.pth", "global 'torch._utils._rebuild_sparse_tensor' is refused" },
    { "bad_complex.pth", "global 'torch.ComplexFloatStorage' is refused" },
    { "bad_torchscript.pt", "cannot be read: it is TorchScript" },
    { "bad_recursive.pth", "changes after it was stored (cyclic data is refused)" },
    { "bad_big_endian.pth", "cannot be read: it was written on a big-endian machine" },
    { "bad_big_endian_legacy.pth", "cannot be read: it was written on a big-endian machine" },
    { "bad_traversal.pth", "is damaged: entry name 'net/../../etc/x' is refused" },
    { "bad_short_storage.pth", "is damaged: entry data/0 has 428 bytes, its tensors claim 432" },
    { "bad_expanded.pth", "its tensors would take more than" },
    { "bad_bomb.pth", "would unpack 32617 bytes to 33554432, which is refused" },
    { "bad_crc.pth", "is damaged: entry net/data/0 fails its CRC" },
    { "bad_claims.pth", "its directory claims 1125899906842624 entries in" },
    { "bad_pickle.pth", "cannot be read: it is a pickle, but not of torch.save" },
    { "bad_text.pth", "is damaged: its header claims" },
  }
  for _, case in ipairs(cases) do
    local name, text = case[1], case[2]
    it(name, scoped(function()
      local message = refusal(name)
      assert.equal(at .. name, message:sub(1, #at + #name), message)
      local plain = not text:find("%d+", 1, true)
      assert.is_truthy(message:find(text, 1, plain), message)
      assert.is_false(core.fs.exists "/tmp/vgg-was-here")
    end))
  end

  it("a directory without weights, or with several", scoped(function()
    local dir, wipe = scratch.new()
    local _, message = checkpoint.load(dir)
    assert.equal(("checkpoint: no weights in the directory '%s' (looked for .safetensors .ckpt "
      .. ".pth .pt .bin)"):format(dir), message)
    scratch.write(dir .. "/a.pth", "x")
    scratch.write(dir .. "/b.pth", "x")
    _, message = checkpoint.load(dir)
    assert.equal(("checkpoint: '%s' holds several files of weights (a.pth, b.pth, ...); name one")
      :format(dir), message)
    core.fs.mkdir(dir .. "/snapshots")
    _, message = checkpoint.load(dir)
    assert.equal(("checkpoint: '%s' has no snapshot; the download was not finished"):format(dir),
      message)
    _, message = checkpoint.load(dir .. "/c.pth")
    assert.is_truthy(message:find("c.pth' not found. In " .. dir .. ": [ab].pth %(now%), "))
    wipe()
  end))
end)
