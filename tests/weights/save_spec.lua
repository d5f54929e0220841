-- vgg.save, and the commands inspect and export: what is written comes back, in every format.
local vgg = require "vgg"
local core = require "vgg.core"
local archive = core.archive
local json = require "vgg.json"
local nn, optim = vgg.nn, vgg.optim
local pickle = require "vgg.torch.pickle"
local process = dofile "tests/support/process.lua"
local scratch = dofile "tests/support/scratch.lua"

local function scoped(fn) return function() core.scope(fn) end end

local Net = nn.class "Net"

function Net:init()
  self.features = nn.Sequential { nn.Conv2d { 3, 4, kernel = 3 }, nn.BatchNorm2d { 4 } }
  self.classifier = nn.Sequential { nn.Linear { 16, 3 } }
end

function Net:forward(x) return self.classifier(self.features(x):flatten(2)) end

vgg.models.register("save_spec_net", { options = {}, build = Net })

local function trained()
  local model = vgg.models.build "save_spec_net"
  local optimizer = optim.Adam { model, lr = 1e-2 }
  for _ = 1, 2 do
    local loss = model(vgg.rand { 2, 3, 4, 4 }):sum()
    optimizer:zero_grad()
    loss:backward()
    optimizer:step()
  end
  return model, optimizer
end

local function text_of(tensors, names)
  local list = {}
  for i, name in ipairs(names) do
    list[i] = name .. "=" .. json.encode { tensors[name]:totable() }
  end
  return table.concat(list, "\n")
end

describe("vgg.save", function()
  local dir, wipe
  before_each(function() dir, wipe = scratch.new() end)
  after_each(function() wipe() end)

  it("writes what vgg.load rebuilds, in every format", scoped(function()
    local model, optimizer = trained()
    local want, names = model:state_dict()
    for _, case in ipairs { { "a.safetensors" }, { "a.pth" }, { "a.pt" }, { "a.ckpt" },
      { "b.ckpt", { optimizer = optimizer, epoch = 1, global_step = 2,
        hyper_parameters = { lr = 1e-2 } } } } do
      local path = vgg.save(model, dir .. "/" .. case[1], case[2])
      local again = vgg.load(path)
      assert.equal("Net", again.__name)
      assert.equal(text_of(want, names), text_of((again:state_dict()), names), path)
    end
    vgg.save(model, dir .. "/old.pth", { legacy = true })
    local again = vgg.load(dir .. "/old.pth", { model = Net {} })
    assert.equal(text_of(want, names), text_of((again:state_dict()), names))
    local all, rest = vgg.load_state(dir .. "/b.ckpt", { all = true })
    local state = optimizer:state_dict()
    assert.equal(2, all["optimizer_states.0.state.1.step"]:item())
    assert.same(state["exp_avg.features.0.weight"]:totable(),
      all["optimizer_states.0.state.0.exp_avg"]:totable())
    assert.same({ lr = 1e-2 }, rest.plain.hyper_parameters)
    assert.same({ 0.9, 0.999 }, rest.plain.optimizer_states[1].param_groups[1].betas)
    assert.same({ 0, 1, 2, 3, 4, 5 }, rest.plain.optimizer_states[1].param_groups[1].params)
  end))

  it("makes equal files of equal contents and keeps the old file when it fails", scoped(function()
    local model = trained()
    local a = scratch.read(vgg.save(model, dir .. "/a.pth"))
    assert.equal(a, scratch.read(vgg.save(model, dir .. "/a.pth")))
    local ok, e = pcall(vgg.save, model, dir .. "/none/a.pth")
    assert.is_false(ok)
    assert.equal(3, e.exit)
    assert.matches("checkpoint: No such file or directory while saving", e.message)
    assert.same({ "a.pth" }, core.fs.list(dir))
  end))

  it("begins every entry at a multiple of 64 bytes", scoped(function()
    local data = scratch.read(vgg.save(trained(), dir .. "/a.pth"))
    local at, n = 1, 0
    while data:sub(at, at + 3) == "PK\3\4" do
      local function u(i, bytes)
        local v = 0
        for k = bytes - 1, 0, -1 do v = v * 256 + data:byte(at + i + k) end
        return v
      end
      local from = at - 1 + 30 + u(26, 2) + u(28, 2)
      assert.equal(0, from % 64)
      assert.equal(u(18, 4), u(22, 4))
      at, n = from + u(22, 4) + 1, n + 1
    end
    assert.equal("PK\1\2", data:sub(at, at + 3))
    assert.equal(13, n)
  end))

  it("narrows floating tensors as PyTorch does", scoped(function()
    local special = { 1, -2.5, 65504, 65519, 65520, 1e-8, 6e-8, 3.1e-5, 1 + 2 ^ -11,
      1 + 3 * 2 ^ -11, 0.1, -0.1, math.huge, -math.huge }
    local halves = { 1, -2.5, 65504, 65504, math.huge, 0, 2 ^ -24, 520 * 2 ^ -24, 1, 1 + 2 ^ -9,
      0.0999755859375, -0.0999755859375, math.huge, -math.huge }
    local x = { x = vgg.tensor(special), n = vgg.arange(0, 3) }
    for _, ending in ipairs { "pth", "safetensors" } do
      local t = vgg.load_state(vgg.save(x, dir .. "/h." .. ending, { dtype = "f16" }))
      assert.same(halves, t.x:totable())
      assert.same({ 0, 1, 2 }, t.n:totable())
      t = vgg.load_state(vgg.save(x, dir .. "/b." .. ending, { dtype = "bf16" })).x
      assert.equal("bfloat16", t.dtype)
      local back = vgg.load_state(vgg.save({ x = t }, dir .. "/f." .. ending, { dtype = "f32" }))
      assert.equal("float32", back.x.dtype)
      assert.same(x.x:to("bfloat16"):to("float32"):totable(), back.x:totable())
    end
  end))

  it("takes prefixes, views and empty tensors", scoped(function()
    local x = vgg.arange(0, 6):to("float32"):reshape { 2, 3 }
    local given = { t = x:transpose(1, 2), e = vgg.zeros { 0, 2 }, s = vgg.full({}, 4) }
    local t = vgg.load_state(vgg.save(given, dir .. "/v.pt", { prefix = "model." }))
    assert.same({ { 0, 3 }, { 1, 4 }, { 2, 5 } }, t.t:totable())
    assert.same({ 0, 2 }, t.e.shape)
    assert.equal(4, t.s:item())
    assert.equal("model.", require("vgg.checkpoint").inspect(dir .. "/v.pt").prefix)
  end))

  it("refuses what it cannot write", scoped(function()
    local x = vgg.zeros { 1 }
    local function says(text, ...)
      local ok, e = pcall(vgg.save, ...)
      assert.is_false(ok)
      assert.is_truthy(tostring(e):find(text, 1, true), tostring(e))
    end
    says("should end in .safetensors, .pth, .pt or .ckpt", { x = x }, dir .. "/x.bin")
    says("'x' is not a tensor", { x = 1 }, dir .. "/x.pth")
    says("want a model or a table of tensors", 1, dir .. "/x.pth")
    says("dtype is f32, f16 or bf16, got 'f8'", { x = x }, dir .. "/x.pth", { dtype = "f8" })
    says("unknown option 'legasy' (did you mean 'legacy'?)", { x = x }, dir .. "/x.pth",
      { legasy = true })
    assert.error_matches(function() archive.zip(dir .. "/z", { { name = "a" } }) end,
      "part 1 wants a name, and a text or a live tensor")
    assert.error_matches(function()
      archive.zip(dir .. "/z", { { name = "a", text = "" }, { name = "a", text = "" } })
    end, "entry 'a' is there twice")
    assert.same({}, core.fs.list(dir))
  end))
end)

describe("pickles", function()
  it("are Python's bytes", function()
    local function hex(v)
      return (pickle.dumps(v):gsub(".", function(c) return ("%02x"):format(c:byte()) end))
    end
    assert.equal("8002" .. "4bff" .. "2e", hex(255))
    assert.equal("8002" .. "4d0001" .. "2e", hex(256))
    assert.equal("8002" .. "4affffffff" .. "2e", hex(-1))
    assert.equal("8002" .. "8a080000000001000000" .. "2e", hex(2 ^ 32))
    assert.equal("8002" .. "8a08fffffffffeffffff" .. "2e", hex(-2 ^ 32 - 1))
    assert.equal("8002" .. "473fb999999999999a" .. "2e", hex(0.1))
    assert.equal("8002" .. "47bff0000000000000" .. "2e", hex(pickle.float(-1)))
    assert.equal("8002" .. "470010000000000000" .. "2e", hex(2 ^ -1022))
    assert.equal("8002" .. "477ff0000000000000" .. "2e", hex(pickle.float(math.huge)))
    assert.equal("8002" .. "58030000006162c3" .. "2e", hex "ab\195")
    assert.equal("8002" .. "5d284b014b0265" .. "2e", hex { 1, 2 })
    assert.equal("8002" .. "7d2858010000006188" .. "752e", hex { a = true })
    assert.equal("8002" .. "7d2e", hex {})
    assert.equal("8002" .. "5d28652e", hex(pickle.list {}))
    assert.equal("8002" .. "284e89742e", hex(pickle.tuple { pickle.none, false }))
  end)
end)

describe("the commands", function()
  local dir, wipe
  before_each(function() dir, wipe = scratch.new() end)
  after_each(function() wipe() end)
  local folder = "tests/parity/torchfile/"

  it("inspect shows tensors, format and what is kept beside them", function()
    local r = process.run { "inspect", folder .. "lightning.ckpt", "--verify" }
    assert.equal(0, r.code)
    for _, text in ipairs { "format       PyTorch, zip", "names behind 'state_dict.model.'",
      "features.0.weight%s+4x3x3x3%s+F32%s+108", "tensors      9 %(8 F32, 1 I64%): 180 values",
      "... and %d+ more %(%-%-all%)", "hyper_parameters%s+{betas %[0.9, 0.99%], lr 0.01",
      "Every check sum the file has holds." } do
      assert.is_truthy(r.out:find(text), text .. "\n" .. r.out)
    end
    r = process.run { "inspect", folder .. "views_legacy.pth", "--json" }
    local facts = json.decode(r.out)
    assert.same({ "torch legacy", "state dict", 10 },
      { facts.format, facts.kind, facts.totals.tensors })
    assert.same({ 6, 4 }, facts.tensors[2].shape)
  end)

  it("inspect ends with 3 for what it refuses and 2 for misuse", function()
    local r = process.run { "inspect", folder .. "bad_system.pth" }
    assert.equal(3, r.code)
    assert.is_truthy(r.err:find("global 'posix.system' is refused", 1, true))
    assert.equal(2, process.run({ "inspect" }).code)
  end)

  it("export writes the other formats", scoped(function()
    for _, name in ipairs { "a.pth", "a.safetensors", "a.ckpt" } do
      local r = process.run { "export", folder .. "net_wrapped.pth", "--output",
        dir .. "/" .. name }
      assert.equal(0, r.code, r.err)
      local a = vgg.load_state(dir .. "/" .. name)
      local b = vgg.load_state(folder .. "net.pth")
      for key, tensor in pairs(b) do assert.same(tensor:totable(), a[key]:totable()) end
    end
    local r = process.run { "export", folder .. "net.safetensors", "-o", dir .. "/x.pth" }
    assert.equal(2, r.code)
    r = process.run { "export", folder .. "net.safetensors", "--output", dir .. "/x.pth",
      "--prefix", "net.", "--dtype", "f16", "--legacy" }
    assert.equal(0, r.code, r.err)
    local i = require("vgg.checkpoint").inspect(dir .. "/x.pth")
    assert.same({ "torch legacy", "net.", "classifier.0.weight", "F16" },
      { i.format, i.prefix, i.entries[1].name, i.entries[1].dtype })
  end))

  it("export to .safetensors keeps what an attack asks of a network", scoped(function()
    local checkpoint = require "vgg.checkpoint"
    local model = vgg.models.build("vgg16_bn", { head = "small" })
    local config = { model = model:config(), classes = { "cat", "dog" },
      normalize = { mean = { 0.5, 0.4, 0.3 }, std = { 0.25, 0.25, 0.25 } },
      flags = { augment = "course", split_seed = 7, val_split = 0.2 } }
    assert(checkpoint.save(dir .. "/run.safetensors", { tensors = model:state_dict(),
      meta = { config = config } }))
    local r = process.run { "export", dir .. "/run.safetensors", "--dtype", "bf16", "--output",
      dir .. "/bf16.safetensors" }
    assert.equal(0, r.code, r.err)
    local victim, meta = vgg.attacks.load(dir .. "/bf16.safetensors")
    assert.same({ config.classes, config.normalize, config.flags },
      { meta.config.classes, meta.config.normalize, meta.config.flags })
    assert.is_true(math.abs(victim.mean:totable()[1][2][1][1] - 0.4) < 1e-7)
    assert.is_true(core.fs.stat(dir .. "/bf16.safetensors").size < 30e6)
  end))
end)
