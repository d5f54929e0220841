-- vgg.checkpoint: round trips, replacement, and the messages for files that are missing, damaged or
-- of another model.
local vgg = require "vgg"
local core = require "vgg.core"
local checkpoint = require "vgg.checkpoint"
local scratch = dofile "tests/support/scratch.lua"

local function contents()
  return {
    tensors = {
      ["features.0.weight"] = vgg.tensor { { 1, 2, 3 }, { 4, 5, 6.5 } },
      ["features.1.num_batches_tracked"] = vgg.tensor({ 7 }, "int64"),
      ["optimizer.0.exp_avg.features.0.weight"] = vgg.tensor { { 0, 0, 0 }, { -1, 0, 1e-30 } },
    },
    meta = { epoch = 13, config = { lr = 1e-3, name = "é" }, best = -math.huge },
  }
end

local function turn_byte(path, at)
  local data = scratch.read(path)
  at = at < 0 and #data + at + 1 or at
  local other = string.char((data:byte(at) + 1) % 256)
  scratch.write(path, data:sub(1, at - 1) .. other .. data:sub(at + 1))
end

-- Every test inside a scope: whatever it makes is gone afterwards.
local function scoped(fn) return function() core.scope(fn) end end

describe("checkpoint", function()
  local dir, wipe, path
  before_each(function()
    dir, wipe = scratch.new()
    path = dir .. "/best.safetensors"
  end)
  after_each(function() wipe() end)

  -- The bytes of a file with these tensors.
  local function saved(tensors)
    assert(checkpoint.save(dir .. "/saved", { tensors = tensors }))
    return scratch.read(dir .. "/saved")
  end

  it("gives back what was saved", scoped(function()
    assert.is_true(checkpoint.save(path, contents()))
    local r = assert(checkpoint.load(path))
    local w = r.tensors["features.0.weight"]
    assert.same({ 2, 3 }, w.shape)
    assert.equal("float32", w.dtype)
    assert.equal("int64", r.tensors["features.1.num_batches_tracked"].dtype)
    assert.equal(1e-3, r.meta.config.lr)
    assert.equal(-math.huge, r.meta.best)
    assert.equal("é", r.meta.config.name)
    assert.is_true(checkpoint.save(dir .. "/again.safetensors", r))
    assert.equal(scratch.read(path), scratch.read(dir .. "/again.safetensors"))
    assert.same({ "again.safetensors", "best.safetensors" }, core.fs.list(dir))
  end))

  it("reads a part by prefix", scoped(function()
    assert.is_true(checkpoint.save(path, contents()))
    local model = checkpoint.load(path, { skip = "optimizer." }).tensors
    assert.is_truthy(model["features.0.weight"])
    assert.is_nil(model["optimizer.0.exp_avg.features.0.weight"])
    local rest = checkpoint.load(path, { only = "optimizer." }).tensors
    assert.is_nil(rest["features.0.weight"])
    assert.is_truthy(rest["optimizer.0.exp_avg.features.0.weight"])
  end))

  it("looks into a file without reading tensors", scoped(function()
    assert.is_true(checkpoint.save(path, contents()))
    local i = assert(checkpoint.inspect(path))
    assert.equal(3, #i.entries)
    assert.equal("features.1.num_batches_tracked", i.entries[1].name)
    assert.equal("I64", i.entries[1].dtype)
    assert.same({ 2, 3 }, i.entries[2].shape)
    assert.equal(24, i.entries[2].bytes)
    assert.equal(core.fs.stat(path).size, i.bytes)
    assert.equal(13, i.meta.epoch)
  end))

  it("removes the older file only after the new one is there", scoped(function()
    local old = dir .. "/old.safetensors"
    assert.is_true(checkpoint.save(old, contents()))
    local ok, message = checkpoint.save(dir .. "/none/new", contents(), { remove = old })
    assert.is_nil(ok)
    assert.matches("checkpoint: No such file or directory while saving", message)
    assert.is_true(core.fs.exists(old))
    assert.is_true(checkpoint.save(path, contents(), { remove = old }))
    assert.same({ "best.safetensors" }, core.fs.list(dir))
    assert.is_true(checkpoint.save(path, contents(), { remove = path }))
    assert.same({ "best.safetensors" }, core.fs.list(dir))
  end))

  it("copies into tensors that exist", scoped(function()
    assert.is_true(checkpoint.save(path, contents()))
    local w, n = vgg.empty { 2, 3 }, vgg.tensor({ 0 }, "int64")
    local meta = assert(checkpoint.load_into(path,
      { ["features.0.weight"] = w, ["features.1.num_batches_tracked"] = n }))
    assert.equal(13, meta.epoch)
    local half = contents().tensors
    half["optimizer.0.exp_avg.features.0.weight"] = nil
    assert.equal(saved(half), saved { ["features.0.weight"] = w,
      ["features.1.num_batches_tracked"] = n })
    local state = vgg.empty { 2, 3 }
    assert.is_table(checkpoint.load_into(path,
      { ["optimizer.0.exp_avg.features.0.weight"] = state }, { only = "optimizer." }))
  end))

  it("names a missing file's neighbours", scoped(function()
    local _, message = checkpoint.load(path)
    assert.equal(("checkpoint: '%s' not found. No checkpoint is in %s"):format(path, dir), message)
    assert.is_true(checkpoint.save(dir .. "/last.safetensors", contents()))
    _, message = checkpoint.load(path)
    assert.equal(("checkpoint: '%s' not found. In %s: last.safetensors (now)"):format(path, dir),
      message)
  end))

  it("finds damage and names the file that is whole", scoped(function()
    assert.is_true(checkpoint.save(path, contents()))
    turn_byte(path, -1)
    local where = ("checkpoint: '%s' is damaged: tensor %s fails its CRC"):format(path,
      "optimizer.0.exp_avg.features.0.weight")
    for _, f in ipairs { checkpoint.load, checkpoint.verify } do
      local ok, message = f(path)
      assert.is_nil(ok)
      assert.equal(where, message)
    end
    assert.is_true(checkpoint.save(dir .. "/last.safetensors", contents()))
    local _, message = checkpoint.load(path)
    assert.equal(where .. ". last.safetensors (epoch 13) is whole", message)
    _, message = checkpoint.load_into(path,
      { ["optimizer.0.exp_avg.features.0.weight"] = vgg.empty { 2, 3 } }, { only = "optimizer." })
    assert.equal(where .. ". last.safetensors (epoch 13) is whole", message)
    scratch.write(path, scratch.read(path):sub(1, 100))
    _, message = checkpoint.load(path)
    assert.matches("is damaged: its header needs %d+ bytes, the file has 92 %(cut off%?%)%. last",
      message)
  end))

  it("says which model a file that does not fit looks like", scoped(function()
    assert.is_true(checkpoint.save(path,
      { tensors = { ["classifier.0.weight"] = vgg.empty { 4096, 2048 } } }))
    local _, message = checkpoint.load_into(path,
      { ["classifier.0.weight"] = vgg.empty { 4096, 512 } }, { model = "VGG16BN" })
    assert.equal("checkpoint: does not fit the model: classifier.0.weight is 4096x2048 in the " ..
      "file, 4096x512 in VGG16BN. The file looks like CIFAR10Net; use --model cifar10net", message)
  end))

  it("names tensors that are too few or too many, and changes nothing then", scoped(function()
    assert.is_true(checkpoint.save(path, contents()))
    local w = vgg.tensor { { 9, 9, 9 }, { 9, 9, 9 } }
    local before = saved { w = w }
    local _, message = checkpoint.load_into(path, { ["features.0.weight"] = w, ["x.bias"] = w })
    assert.equal("checkpoint: does not fit the model: x.bias is missing in the file; "
      .. "features.1.num_batches_tracked of the file is not in the model", message)
    _, message = checkpoint.load_into(path, { ["features.0.weight"] = w })
    assert.equal("checkpoint: does not fit the model: features.1.num_batches_tracked of the " ..
      "file is not in the model", message)
    assert.equal(before, saved { w = w })
  end))

  it("raises for misuse", scoped(function()
    assert.error_matches(function() checkpoint.save(path, { tensor = {} }) end,
      "unknown option 'tensor' %(did you mean 'tensors'%?%)")
    assert.error_matches(function() core.io.save(path, { a = 1 }) end, "'a' is not a live tensor")
    assert.error_matches(function() core.io.save(path, {}, { a = 1 }) end,
      "metadata 'a' is not text")
    local file = assert(core.io.save(path, {})) and core.io.open(path)
    assert.error_matches(function() file:load("x") end, "no tensor 'x' in the file")
    file:close()
    file:close()
    assert.error_matches(function() file:entries() end, "file was closed")
    assert.is_false(core.fs.exists(path .. ".tmp"))
  end))
end)
