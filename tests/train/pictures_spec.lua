-- The pictures a run leaves behind.
package.path = "tests/train/?.lua;" .. package.path
local fake = require "fake"
local core = require "vgg.core"
local json = require "vgg.json"
local vgg = require "vgg"
local nn, train = vgg.nn, vgg.train

local function read(path)
  local f = assert(io.open(path, "rb"))
  local text = f:read "*a"
  f:close()
  return text
end

-- A small run on the generated set; the weights' bytes and the directory.
local function fit(dir, name, more)
  vgg.manual_seed(1)
  local data = vgg.data.CIFAR10DataModule { data = "synthetic", train_images = 300,
    test_images = 50, batch_size = 50, val_split = 100 }
  data:setup()
  local model = nn.Sequential { nn.MaxPool2d { 8 }, nn.Flatten {}, nn.Linear { 48, 10 } }
  local o = { model = model, optimizer = vgg.optim.Adam { model, lr = 1e-2 }, max_epochs = 2,
    runs_dir = dir, run_name = name, header = false, progress = false, classes = data.classes,
    seed = 3 }
  for k, v in pairs(more or {}) do o[k] = v end
  local t = train.Trainer(o)
  t:fit { train = data:train_dataloader(), valid = data:val_dataloader() }
  t:test_both(data:test_dataloader())
  t.loggers:close()
  return t
end

describe("pictures of a run", function()
  local dir
  setup(function() dir = fake.directory() end)
  teardown(function() fake.remove(dir) end)

  it("are made by default and change no bit of it", function()
    fit(dir, "with")
    fit(dir, "without", { pictures = false })
    for _, name in ipairs { "augmentation", "samples", "confusion_matrix", "curves" } do
      assert.is_false(core.fs.exists(dir .. "/without/" .. name .. ".png"))
      local pixels, w, h = core.image.decode_png(read(dir .. "/with/" .. name .. ".png"))
      assert.is_string(pixels)
      assert.is_true(w > 500 and h > 300, name)
      local seen, colours = {}, 0 -- not an empty sheet
      for i = 1, #pixels, 3 * 97 do
        local c = pixels:sub(i, i + 2)
        if not seen[c] then seen[c], colours = true, colours + 1 end
      end
      assert.is_true(colours > 5, name)
    end
    assert.matches("^<svg ", read(dir .. "/with/curves.svg"))
    assert.equal(read(dir .. "/without/last.safetensors"), read(dir .. "/with/last.safetensors"))
  end)

  it("the table of samples has five of each class, by name", function()
    local t = assert(json.decode(read(dir .. "/with/tables/samples.json")))
    assert.same({ "image", "ground_truth", "prediction" }, t.columns)
    assert.equal(50, #t.rows)
    local counts = {}
    for _, row in ipairs(t.rows) do
      counts[row[2]] = (counts[row[2]] or 0) + 1
      assert.is_string(row[3])
      local _, w, h = core.image.decode_png(read(dir .. "/with/" .. row[1].image))
      assert.same({ 32, 32 }, { w, h })
    end
    for _, name in ipairs(core.data.synthetic_classes) do assert.equal(5, counts[name], name) end
  end)

  it("that cannot be made are a warning, not the end", function()
    local plot = require "vgg.plot"
    local grid, lines = plot.image_grid, {}
    plot.image_grid = function() error("no paint left", 0) end
    local stderr = io.stderr
    io.stderr = setmetatable({}, { __index = function() -- luacheck: ignore
      return function(_, ...) lines[#lines + 1] = table.concat { ... } end
    end })
    local ok, t = pcall(fit, dir, "broken")
    io.stderr, plot.image_grid = stderr, grid -- luacheck: ignore
    assert.is_true(ok, tostring(t))
    assert.equal(2, t.position.epoch)
    local text = table.concat(lines)
    assert.matches("picture of the augmentation not made: no paint left", text, 1, true)
    assert.matches("picture of samples not made", text, 1, true)
    assert.is_true(core.fs.exists(dir .. "/broken/confusion_matrix.png"))
  end)

  it("are not made in a fast dev run", function()
    local t = fit(dir, "dev", { fast_dev_run = true })
    assert.is_nil(t.run)
    assert.is_false(core.fs.exists(dir .. "/dev"))
  end)
end)
