-- Where weights are looked for: PyTorch's directories in PyTorch's order, then Hugging Face's.
local core = require "vgg.core"
local hub = require "vgg.hub"
local known = require "vgg.hub.known"
local places = require "vgg.hub.places"
local util = require "vgg.util"
local scratch = dofile "tests/support/scratch.lua"

local getenv, log = os.getenv, util.log

-- Runs fn with these variables and no other.
local function with(variables, fn)
  os.getenv = function(name) return variables[name] end -- luacheck: ignore 122
  local results = { pcall(fn) }
  os.getenv = getenv -- luacheck: ignore 122
  if not results[1] then error(results[2], 0) end
  return unpack(results, 2)
end

describe("the hub's directory", function()
  after_each(function() hub.set_dir(nil) end)

  it("is torch.hub.get_dir's", function() -- the right side is what torch 2.x answers
    for _, case in ipairs {
      { { HOME = "/h" }, "/h/.cache/torch/hub" },
      { { HOME = "/h", XDG_CACHE_HOME = "/x" }, "/x/torch/hub" },
      { { HOME = "/h", XDG_CACHE_HOME = "/x", TORCH_HOME = "/t" }, "/t/hub" },
      { { HOME = "/h", TORCH_HOME = "~/t" }, "/h/t/hub" },
      { { HOME = "/h", TORCH_HOME = "" }, "/h/.cache/torch/hub" },
    } do
      assert.equal(case[2], with(case[1], hub.get_dir))
    end
    hub.set_dir "cache/"
    assert.equal("cache", with({ HOME = "/h", TORCH_HOME = "/t" }, hub.get_dir))
  end)

  it("comes before the user's own caches, each named once", function()
    hub.set_dir "mine"
    local entry = known.find "vgg16_bn"
    local file = "/checkpoints/vgg16_bn-6c64b313.pth"
    assert.same({ "mine" .. file, "/t/hub" .. file, "/x/torch/hub" .. file,
      "/h/.cache/torch/hub" .. file }, with({ HOME = "/h", XDG_CACHE_HOME = "/x",
      TORCH_HOME = "/t" }, function() return places.candidates(entry) end))
    hub.set_dir(nil)
    assert.same({ "/h/.cache/torch/hub" .. file }, with({ HOME = "/h" }, function()
      return places.candidates(entry)
    end))
  end)

  it("follows --torch-cache-dir; TORCH_HOME stands before its default", function()
    local cli = require "vgg.cli"
    local spec = { { "torch_cache_dir", "torch_cache", "", env = "TORCH_HOME" } }
    local function dir(argv, variables)
      return with(variables, function()
        hub.set_dir(nil)
        hub.use(cli.parse(spec, argv, "x"))
        return hub.get_dir()
      end)
    end
    assert.equal("torch_cache", dir({}, { HOME = "/h" }))
    assert.equal("/t/hub", dir({}, { HOME = "/h", TORCH_HOME = "/t" }))
    assert.equal("a", dir({ "--torch-cache-dir", "a" }, { HOME = "/h", TORCH_HOME = "/t" }))
  end)
end)

describe("known weights", function()
  it("carry their sum in the file's name", function()
    assert.equal("6c64b313", known.find("vgg16_bn").sha256)
    assert.equal("3dd342df", known.find("efficientnet_b0").sha256)
    assert.equal("d63eafa0", known.find("resnet18").sha256)
    assert.equal("0123abcd", known.find("https://x/y/net_a-0123ABCD.tar.gz?raw=1").sha256)
    assert.is_nil(known.find("https://x/y/net-v2.pth").sha256)
    assert.is_nil(known.find("https://x/y/net.pth").sha256)
    local ok, e = pcall(known.find, "vgg16bn")
    assert.is_false(ok)
    assert.equal(2, e.exit)
    assert.matches("weights: no weights 'vgg16bn' %(did you mean 'vgg16_bn'%?%)", e.message)
  end)

  it("come from a mirror: the file, or the directory that holds it", function()
    local entry = known.find "vgg16_bn"
    assert.equal("https://download.pytorch.org/models/vgg16_bn-6c64b313.pth", known.mirror(entry))
    assert.equal("http://m/d/vgg16_bn-6c64b313.pth", known.mirror(entry, "http://m/d/"))
    assert.equal("http://m/other.pth", known.mirror(entry, "http://m/other.pth"))
  end)
end)

describe("finding", function()
  local dir, wipe, said, entry_file
  local text = "these are weights"

  setup(function()
    dir, wipe = scratch.new()
    scratch.write(dir .. "/sum", text)
    entry_file = ("net-%s.pth"):format(core.io.sha256(dir .. "/sum"):sub(1, 8))
    hub.known.spec = { url = "http://127.0.0.1:1/" .. entry_file, hf = "some/net" }
    util.log = function(_, fmt, ...) said[#said + 1] = fmt:format(...) end -- luacheck: ignore 122
  end)
  teardown(function()
    hub.known.spec = nil
    util.log = log -- luacheck: ignore 122
    hub.set_dir(nil)
    wipe()
  end)
  before_each(function() said = {} end)

  local function find(home)
    return with({ HOME = dir .. "/" .. home, TORCH_HOME = dir .. "/torch_home" }, function()
      hub.set_dir(dir .. "/own")
      return hub.find "spec"
    end)
  end

  it("asks for no download of what lies in the user's own cache", function()
    assert.is_nil(find "home")
    assert.is_nil(with({ HOME = dir .. "/home" }, function() return hub.locate "spec" end))
    local theirs = dir .. "/home/.cache/torch/hub/checkpoints/" .. entry_file
    scratch.write(theirs, text)
    assert.equal(theirs, find "home")
    assert.equal(theirs, with({ HOME = dir .. "/home" }, function() return hub.locate "spec" end))
    local torch_home = dir .. "/torch_home/hub/checkpoints/" .. entry_file
    scratch.write(torch_home, text)
    assert.equal(torch_home, find "home")
    local own = dir .. "/own/checkpoints/" .. entry_file
    scratch.write(own, text)
    assert.equal(own, find "home")
    assert.same({}, said)
  end)

  it("passes over a file whose sum is wrong, says so and leaves it", function()
    local own = dir .. "/own/checkpoints/" .. entry_file
    scratch.write(own, "other bytes")
    assert.equal(dir .. "/torch_home/hub/checkpoints/" .. entry_file, find "home")
    assert.equal(1, #said)
    assert.matches("^weights: .*/own/checkpoints/net%-%x+%.pth is not used: its sha256 begins %x+, "
      .. "expected " .. entry_file:match "%-(%x+)", said[1])
    assert.is_true(core.fs.exists(own))
  end)

  it("reads Hugging Face's cache, the snapshot that main stands for", function()
    local root = dir .. "/other/.cache/huggingface/hub/models--some--net"
    core.fs.remove(dir .. "/own/checkpoints/" .. entry_file)
    core.fs.remove(dir .. "/torch_home/hub/checkpoints/" .. entry_file)
    assert.is_nil(find "other")
    scratch.write(root .. "/refs/main", "0123456789abcdef")
    scratch.write(root .. "/snapshots/0123456789abcdef/model.safetensors", "new")
    scratch.write(root .. "/snapshots/old/model.safetensors", "old")
    assert.equal(root .. "/snapshots/0123456789abcdef/model.safetensors", find "other")
    for _, case in ipairs {
      { { HF_HUB_CACHE = "/e", HF_HOME = "/f" }, "/e" }, { { HF_HOME = "/f" }, "/f/hub" },
      { { HOME = "/h" }, "/h/.cache/huggingface/hub" },
      { { HOME = "/h", XDG_CACHE_HOME = "/x" }, "/x/huggingface/hub" },
    } do
      assert.equal(case[2] .. "/models--some--net", with(case[1], function()
        return places.hugging_face "some/net"
      end))
    end
  end)
end)
