-- What --profile counts: rows by layer and pass with the right arithmetic, steps only, a table and
-- a file.
local core = require "vgg.core"
local json = require "vgg.json"
local vgg = require "vgg"

local function net()
  return vgg.nn.Sequential { vgg.nn.Conv2d { 3, 16, kernel = 3, pad = 1 }, vgg.nn.ReLU {},
    vgg.nn.Flatten {}, vgg.nn.Linear { 16 * 64, 10 } }
end

local function loader(batches, size)
  local x, y = core.randn({ size, 3, 8, 8 }):keep(), core.zeros({ size }, "int64"):keep()
  return { len = function() return batches end, size_of = function() return size end,
    get = function() return x, y end }
end

-- The rows that satisfy all given fields.
local function find(rows, want)
  local out = {}
  for _, r in ipairs(rows) do
    local fits = true
    for k, v in pairs(want) do fits = fits and r[k] == v end
    if fits then out[#out + 1] = r end
  end
  return out
end

describe("the profile", function()
  it("has every layer and pass with its arithmetic", function()
    local model, data, n = net(), loader(1, 6), 6
    local optimizer = vgg.optim.Adam { model, lr = 1e-3 }
    local p = vgg.profile { model = model }
    for _ = 1, 3 do
      core.scope(function()
        model(data.get()):cross_entropy(select(2, data.get())):backward()
        optimizer:step()
        optimizer:zero_grad()
      end)
      p:step()
    end
    p:pause()
    model(data.get()) -- not counted
    local report = p:stop()
    local flops = 2 * n * 16 * 64 * 27
    for _, pass in ipairs { "forward", "weight" } do
      local rows = find(report.rows, { op = "conv2d", pass = pass, label = "0" })
      assert.equal(1, #rows, pass)
      assert.equal(3, rows[1].calls)
      assert.equal(3 * flops, rows[1].flops)
      assert.equal("6x16x8x8", rows[1].shape)
      assert.is_true(rows[1].kernel ~= "" and rows[1].seconds > 0)
    end
    assert.equal(0, #find(report.rows, { op = "conv2d", pass = "data" })) -- the input wants none
    for _, pass in ipairs { "forward", "data", "weight" } do
      local rows = find(report.rows, { op = "linear", pass = pass, label = "3" })
      assert.equal(1, #rows, pass)
      assert.equal(3 * 2 * n * 10 * 1024, rows[1].flops)
    end
    assert.equal(1, #find(report.rows, { op = "adam", pass = "update" }))
    local share = 0
    for _, r in ipairs(report.rows) do share = share + r.share end
    assert.is_true(share > 0 and share <= 1)
    assert.equal(3, report.totals.steps)
    assert.is_true(report.totals.taken > 0 and report.ceilings.copy > 1e8)
    assert.matches("3 steps of .* ms: ", tostring(report))
    assert.equal("6x10", table.concat(model(data.get()).shape, "x")) -- the device is as before
  end)

  it("is a table and a file after training", function()
    local dir = os.tmpname()
    os.remove(dir)
    local model, lines = net(), {}
    local util = require "vgg.util"
    local log = util.log
    util.log = function(_, fmt, ...) lines[#lines + 1] = fmt:format(...) end
    local ok, why = pcall(function()
      vgg.train.Trainer { model = model, optimizer = vgg.optim.Adam { model, lr = 1e-3 },
        max_epochs = 2, profile = true, runs_dir = dir, run_name = "p", loggers = { "jsonl" },
        pictures = false, progress = false, header = false, device = "cpu", classes = 10,
      }:fit { train = loader(3, 4), valid = loader(1, 4) }
    end)
    util.log = log
    assert(ok, why)
    local text = table.concat(lines, "\n")
    assert.matches("layer +operation +pass +kernel +layout +shape +calls +ms", text)
    assert.matches("4 steps of", text) -- of six, two warm up
    local f = assert(io.open(dir .. "/p/profile.json"))
    local file = json.decode(f:read "*a")
    f:close()
    assert.equal(4, file.totals.steps)
    assert.equal(4, find(file.rows, { op = "conv2d", pass = "forward" })[1].calls)
    os.execute("rm -rf " .. dir)
  end)
end)
