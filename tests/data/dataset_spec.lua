-- Datasets, splits and loaders, on generated images and on files the tests write themselves.
local vgg = require "vgg"
local core, data = vgg.core, vgg.data
local util = require "vgg.util"
local scratch = dofile "tests/support/scratch.lua"
local cifar_files = dofile "tests/data/cifar_files.lua"

local function failure(fn, ...)
  local ok, e = pcall(fn, ...)
  assert.is_false(ok)
  return tostring(e), type(e) == "table" and e.exit or 1
end

describe("dataset", function()
  local set = data.synthetic { train_images = 500, test_images = 60, val_split = 0.2 }

  it("has a length, images, labels and words", function()
    assert.equal(400, #set)
    assert.equal("400 images of 500 (seed 42)", tostring(set))
    assert.equal(100, #data.synthetic { train_images = 500, val_split = 0.2, split = "val" })
    assert.equal(60, #data.synthetic { test_images = 60, split = "test" })
    local x, label = set(17)
    assert.same({ 3, 32, 32 }, { x.shape[1], x.shape[2], x.shape[3] })
    assert.equal("float32", x.dtype)
    assert.equal(set:label(17), label)
    assert.equal(x:tobytes(), set[17]:tobytes())
    assert.equal(set[400]:tobytes(), set[-1]:tobytes())
    assert.matches("no image 401, there are 400", failure(function() return set[401] end))
    assert.equal(10, #set.classes)
    local counts, total = set:counts(), 0
    for _, n in ipairs(counts) do total = total + n end
    assert.equal(400, total)
    assert.equal(counts[4], #set:of_class(3))
  end)

  it("normalises with the stored table", function()
    local plain, x = set:pixels(5), set[5]:totable()
    local bytes = plain:totable()
    local mean, std = 0.4465, 0.2616
    assert.near((bytes[3][7][9] / 255 - mean) / std, x[3][7][9], 1e-5)
  end)

  it("makes subsets that remember their records", function()
    local part = set:subset { 3, 9 }
    assert.equal(2, #part)
    assert.equal(set:record(9), part:record(2))
    assert.equal(set[9]:tobytes(), part[2]:tobytes())
    local twice = part:with("dlcv")
    assert.equal(set:with("dlcv")[9]:tobytes(), twice[2]:tobytes()) -- the key is the record
  end)

  it("augments by epoch", function()
    local a = set:with "dlcv"
    local first = a[1]:tobytes()
    a.epoch = 1
    assert.not_equal(first, a[1]:tobytes())
    a.epoch = 0
    assert.equal(first, a[1]:tobytes())
  end)

  it("refuses unknown names", function()
    assert.matches("cifar10: unknown option 'roott' %(did you mean 'root'%?%)",
      failure(data.cifar10, { roott = "x" }))
    assert.matches("no split 'tset' %(did you mean 'test'%?%)",
      failure(data.synthetic, { split = "tset" }))
    local text, exit = failure(data.synthetic, { augment = "dlvc" })
    assert.matches("no pipeline 'dlvc' %(did you mean 'dlcv'%?%)", text)
    assert.equal(2, exit)
    assert.matches("val%-split: want a share below 1",
      failure(data.synthetic, { train_images = 9, val_split = -1 }))
  end)
end)

describe("split", function()
  it("is PyTorch's random_split", function()
    local file = assert(io.open("tests/parity/split.json"))
    local rows = require "cjson".decode(file:read "*a")
    file:close()
    local function same(want, set, from)
      for i, v in ipairs(want) do assert.equal(v, set:record(from + i) - 1) end
    end
    for _, r in ipairs(rows) do
      local source = core.data.synthetic(r.n > 20000 and 0 or r.n, 0, 0)
      if r.n <= 20000 then -- the large ones are in the C tests: no need to draw 50,000 images
        local train, val = source:split(r.n_val, r.seed)
        assert.equal(r.n - r.n_val, train:len())
        same(r.train_first, train, 0)
        same(r.val_first, val, 0)
        same(r.train_last, train, train:len() - #r.train_last)
        same(r.val_last, val, val:len() - #r.val_last)
      end
    end
  end)

  it("counts shares as the Python programs do", function()
    local count = require "vgg.data.cifar10".val_count
    assert.equal(5000, count(50000, 0.1))
    assert.equal(10000, count(50000, 0.1, 0.8))
    assert.equal(806, count(8068, 0.1))
    assert.equal(500, count(50000, 500))
    assert.equal(0, count(50000, 0))
  end)
end)

describe("loader", function()
  local set = data.synthetic { train_images = 201, val_split = 0, augment = "dlcv" }
  local function loader(o)
    o.dataset = o.dataset or set
    return data.Loader(o)
  end

  it("keeps the last short batch, merges a last single image, or drops", function()
    local l = loader { batch_size = 64 }
    assert.same({ 4, 9, 201 }, { #l, l:size_of(4), l:images() })
    l = loader { batch_size = 50, shuffle = true }
    assert.same({ 4, 51, 201 }, { #l, l:size_of(4), l:images() })
    assert.matches("51 images: one left over", l.notice)
    assert.equal(5, #loader { batch_size = 50 }) -- no statistics in evaluation: it stays
    l = loader { batch_size = 64, drop_last = true }
    assert.same({ 3, 192 }, { #l, l:images() })
    assert.equal(1, #loader { batch_size = 500 })
    assert.equal(0, #loader { batch_size = 500, drop_last = true })
  end)

  it("matches the seeds' batch counts", function()
    local big = { len = function() return 45000 end, seed = 1 }
    assert.same({ 352, 72 }, { #loader { dataset = big, batch_size = 128 },
      loader { dataset = big, batch_size = 128 }:size_of(352) })
    big.len = function() return 40000 end
    assert.equal(1250, #loader { dataset = big, batch_size = 32 })
  end)

  it("delivers every image once an epoch, in another order each epoch", function()
    local orders = {}
    for epoch = 0, 1 do
      local l, seen, n = loader { batch_size = 32, shuffle = true }, {}, 0
      for b in l:iter { epoch = epoch } do
        assert.equal(b.size, b.x.shape[1])
        assert.equal(b.size, b.y.shape[1])
        local labels = b.y:totable()
        for j = 1, b.size do
          local at = l:position(epoch, b.index, j)
          assert.is_nil(seen[at])
          seen[at], n = true, n + 1
          assert.equal(set:label(at), labels[j])
        end
      end
      assert.equal(201, n)
      orders[epoch] = l:position(epoch, 1, 1) .. " " .. l:position(epoch, 1, 2)
    end
    assert.not_equal(orders[0], orders[1])
  end)

  it("resumes at any batch, bit for bit", function()
    local whole, l = {}, loader { batch_size = 32, shuffle = true }
    for b in l:iter { epoch = 5 } do whole[b.index] = b.x:tobytes() .. b.y:tobytes() end
    local again = loader { batch_size = 32, shuffle = true }
    for b in again:iter { epoch = 5, start_batch = 4 } do
      assert.equal(whole[b.index], b.x:tobytes() .. b.y:tobytes())
      whole[b.index] = nil
    end
    assert.same({ 1, 2, 3 }, { whole[1] and 1, whole[2] and 2, whole[3] and 3 })
    assert.is_nil(whole[4])
  end)

  it("ends a batch's tensors with the next batch", function()
    local before = core.device.host_memory().tensors
    local first
    for b in loader { batch_size = 32 }:iter {} do
      first = first or b.x
      assert.equal(before + 2, core.device.host_memory().tensors)
    end
    assert.is_true(first:is_released())
    assert.equal(before, core.device.host_memory().tensors)
  end)

  it("limits and overfits", function()
    assert.equal(3, #loader { batch_size = 10, limit = 3 })
    assert.equal(2, #loader { batch_size = 10, limit = 0.1 })
    assert.equal(1, #loader { batch_size = 10, limit = 0.001 })
    assert.equal(21, #loader { batch_size = 10, limit = "1.0" })
    assert.equal(21, #loader { batch_size = 10, limit = math.huge })
    assert.equal(0, #loader { batch_size = 10, limit = 0 })
    local l = loader { batch_size = 10, overfit = 2, shuffle = true }
    assert.same({ 2, 1, 12 }, { #l, l:position(0, 1, 1), l:position(3, 2, 2) })
    local text, exit = failure(loader, { batch_size = 10, limit = "half" })
    assert.matches("limit: want a number of batches", text)
    assert.equal(2, exit)
    assert.matches("batch%-size: want a whole number", failure(loader, { batch_size = 0 }))
  end)
end)

describe("data module", function()
  local function module(o)
    o.data, o.train_images, o.test_images = o.data or "synthetic", 300, 50
    return data.CIFAR10DataModule(o)
  end

  it("gives three loaders and says what they hold", function()
    local dm = module { batch_size = 32 }
    dm:prepare_data()
    dm:setup "fit"
    assert.same({ 9, 1, 2 }, { #dm:train_dataloader(), #dm:val_dataloader(),
      #dm:test_dataloader() })
    assert.is_true(dm:train_dataloader().shuffle)
    assert.is_false(dm:val_dataloader().shuffle)
    assert.matches("^SYNTHETIC ten%-class shapes, not CIFAR%-10; validation = 30 of 300 " ..
      "training images, seed 42; augmentation dlcv: pad to 36x36", dm:describe())
    assert.equal("red_disc", dm.classes[1])
    assert.equal("dlcv", dm:config().augment)
  end)

  it("knows its classes and its split without being told to look", function()
    assert.equal("blue_disc", module {}.classes[2])
    assert.equal("validation = 30 of 300 training images, seed 42", module {}.split_words)
    local a, b = module { seed = 1, split_seed = 42 }, module { seed = 2, split_seed = 42 }
    assert.equal("30 of 300 training images, seed 42", tostring(a:val_dataloader().dataset))
    assert.equal(a:val_dataloader().dataset:record(1), b:val_dataloader().dataset:record(1))
    assert.not_equal(a:train_dataloader():position(0, 1, 1), b:train_dataloader():position(0, 1, 1))
    assert.equal("synthetic shapes (not CIFAR-10)", a:test_dataloader().dataset.name)
  end)

  it("reads the other ways of validating", function()
    assert.equal(60, #module { train_share = 0.8 }:val_dataloader().dataset)
    local dm = module { data_split = "test" }
    assert.equal(50, #dm:val_dataloader().dataset)
    assert.equal(300, #dm:train_dataloader().dataset)
    assert.matches("the 50 test images %(%-%-data%-split test%)", dm:describe())
    local text, exit = failure(module, { data_split = "train" })
    assert.matches("data%-split: want val", text)
    assert.equal(2, exit)
    assert.matches("unknown option 'batchsize' %(did you mean 'batch_size'%?%)",
      failure(module, { batchsize = 3 }))
  end)

  it("validation and test images do not change", function()
    local dm = module { batch_size = 50, augment = "course" }
    local function pass(loader, epoch)
      local all = {}
      for b in loader:iter { epoch = epoch } do all[b.index] = b.x:tobytes() end
      return table.concat(all)
    end
    assert.equal(pass(dm:val_dataloader(), 0), pass(dm:val_dataloader(), 1))
    assert.equal(pass(dm:test_dataloader(), 0), pass(dm:test_dataloader(), 1))
    assert.not_equal(pass(dm:train_dataloader(), 0), pass(dm:train_dataloader(), 1))
  end)

  it("overfits the training batches", function()
    local dm = module { batch_size = 16, overfit_batches = 2, augment = "none" }
    local train, val = dm:train_dataloader():get(2, 0), dm:val_dataloader():get(2, 0)
    assert.equal(train:tobytes(), val:tobytes())
    assert.equal(2, #dm:val_dataloader())
  end)
end)

describe("CIFAR-10 files", function()
  local dir, wipe
  setup(function() dir, wipe = scratch.new() end)
  teardown(function() wipe() end)

  it("end in errors with exit code 3", function()
    local text, exit = failure(data.cifar10, { root = dir .. "/none" })
    assert.matches("^data: no CIFAR%-10 in '.*/none' %(looked for cifar%-10%-batches%-bin/ and " ..
      "cifar%-10%-batches%-py/%)", text)
    assert.equal(3, exit)
    local root = dir .. "/cut"
    cifar_files.batches(root, { 20, 20, 20, 20, 20, 30 })
    text, exit = failure(data.cifar10, { root = root })
    assert.matches("data_batch_1.bin is 61,460 bytes, expected 30,730,000", text)
    assert.equal(3, exit)
    assert.equal(90, #data.cifar10 { root = root, partial = true })
    assert.equal(30, #data.cifar10 { root = root, partial = true, split = "test" })
  end)

  it("are not read for the test stage, except the test file", function()
    local root = dir .. "/only"
    cifar_files.batches(root, { [6] = 12 })
    local dm = data.CIFAR10DataModule { data_dir = root, partial_data = true }
    dm:setup "test"
    assert.equal(12, #dm:test_dataloader().dataset)
    assert.equal("airplane", dm.classes[1])
  end)
end)

describe("real CIFAR-10", function()
  local root = os.getenv "VGG_TEST_CIFAR10" or "../shared/data/cifar10"
  it("has the classes and shapes of the original", function()
    if not util.exists(root .. "/lossless/test_batch.bin") then
      return pending("no images in " .. root .. " (set VGG_TEST_CIFAR10)")
    end
    local set = data.cifar10 { root = root .. "/lossless", split = "test", partial = true }
    local n = 0
    for _, k in ipairs(set:counts()) do
      assert.is_true(k > 50)
      n = n + k
    end
    assert.equal(#set, n)
    assert.equal(3, set[1].shape[1])
  end)
end)
