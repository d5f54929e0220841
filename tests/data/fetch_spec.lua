-- Where data comes from: present, fetched, generated. The download itself is stood in for by a file
-- on disk; tests/io has the real one.
local core = require "vgg.core"
local data = require "vgg.data"
local scratch = dofile "tests/support/scratch.lua"

describe("fetch and resolve", function()
  local dir, wipe, requests, answer
  local real = core.io.download

  setup(function()
    dir, wipe = scratch.new()
    core.io.download = function(o)
      requests[#requests + 1] = o
      return answer(o)
    end
  end)
  teardown(function()
    core.io.download = real
    wipe()
  end)
  before_each(function() requests = {} end)

  local function serve_archive(o)
    local file = assert(io.open("tests/parity/cifar-py/cifar-10-python.tar.gz", "rb"))
    scratch.write(o.path, file:read "*a")
    file:close()
    return true
  end

  it("asks for the right file and sum", function()
    answer = function() return nil, "data: no network" end
    local ok, why = data.fetch { data_root = dir .. "/a" }
    assert.is_nil(ok)
    assert.equal("data: no network", why)
    assert.equal("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", requests[1].url)
    assert.equal("c32a1d4ab5d03f1284b67883e8d87530", requests[1].md5)
    assert.equal(dir .. "/a/cifar-10-binary.tar.gz", requests[1].path)
    data.fetch { data_root = dir .. "/a", url = "http://x/y/cifar-10-python.tar.gz?raw=1" }
    assert.equal("c58f30108f718f92721af3b95e74349a", requests[2].md5)
    assert.equal(dir .. "/a/cifar-10-python.tar.gz", requests[2].path)
    data.fetch { data_root = dir .. "/a", url = "http://mirror/data" }
    assert.equal("http://mirror/data/cifar-10-binary.tar.gz", requests[3].url)
  end)

  it("unpacks, and asks nothing the second time", function()
    answer = serve_archive
    local root, url = dir .. "/b", "http://x/cifar-10-python.tar.gz"
    local ok, words = data.fetch { data_root = root, url = url, partial = true }
    assert.is_true(ok)
    assert.matches("^unpacked ", words)
    assert.same({ "batches.meta", "data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4",
      "data_batch_5", "test_batch" }, core.fs.list(root .. "/cifar-10-batches-py"))
    assert.equal(9, #data.cifar10 { root = root, partial = true })
    assert.matches("^already there", select(2, data.fetch { data_root = root, url = url }))
    assert.equal(1, #requests)
  end)

  it("repairs what is damaged and leaves what is whole", function()
    answer = serve_archive
    local root, url = dir .. "/b", "http://x/cifar-10-python.tar.gz"
    local o = { data_root = root, url = url, partial = true, repair = true }
    assert.matches("^whole", select(2, data.fetch(o)))
    assert.equal(0, #requests)
    scratch.write(root .. "/cifar-10-batches-py/data_batch_2", "cut")
    assert.has_error(function() data.cifar10 { root = root, partial = true, seed = 9 } end)
    assert.matches("^unpacked", select(2, data.fetch(o)))
    assert.equal(1, #requests)
    assert.equal(9, #data.cifar10 { root = root, partial = true })
  end)

  it("stops an automatic download that would take hours", function()
    local now, clock = 0, core.clock
    core.clock = function() return now end
    answer = function(o)
      for i = 1, 100 do
        now = now + 1
        if o.progress(i * 55000, 170052171) == false then error { exit = 130 } end
      end
      return true
    end
    local ok, why = data.fetch { data_root = dir .. "/c", max_wait = 600 }
    core.clock = clock
    assert.is_nil(ok)
    assert.matches("^data: at 5%d kB/s it would take 5%d:%d%d; 'vgglua fetch cifar10' goes on", why)
  end)

  it("falls back to generated images only aloud, and only without data", function()
    answer = function() return nil, "data: no network: put the file in ./data" end
    local nowhere = dir .. "/d"
    local found = data.resolve { root = nowhere, url = "http://x/" }
    assert.equal("synthetic", found.kind)
    assert.matches("^SYNTHETIC ten%-class shapes, not CIFAR%-10: no CIFAR%-10 in '.*/d', and it " ..
      "could not be downloaded %(no network", found.words)
    assert.equal("synthetic", data.resolve { data = "synthetic" }.kind)
    local ok, e = pcall(data.resolve, { data = "cifar10", root = nowhere, url = "http://x/" })
    assert.is_false(ok)
    assert.equal(3, e.exit)
    ok, e = pcall(data.resolve, { root = dir .. "/bb" })
    assert.is_false(ok)
    assert.equal(3, e.exit)
    assert.matches("Did you mean '.*/b'%?", tostring(e))
    local b = data.resolve { root = dir .. "/b" }
    assert.same({ "cifar10", "Python pickles" }, { b.kind, b.place.form })
    ok, e = pcall(data.resolve, { data = "imagenet" })
    assert.is_false(ok)
    assert.equal(2, e.exit)
  end)
end)
