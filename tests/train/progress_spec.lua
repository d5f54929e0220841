-- The progress line, the epoch line and where they go.
package.path = "tests/train/?.lua;" .. package.path
local fake = require "fake"
local line = require "vgg.train.line"
local train = require "vgg.train"
local Progress = require "vgg.callbacks.progress"
local Estimate = require "vgg.callbacks.estimate"

local p = { what = "Epoch", epoch = 3, epochs = 15, batch = 775, batches = 1250, it = 41.2,
  images = 1318, eta = 12, run = 521, loss = 0.912, acc = 0.681 }

describe("the progress line", function()
  it("is as documented at 120 columns", function()
    assert.equal("Epoch 3/15  62%|############        |  775/1250  41.2 it/s  1318 img/s  "
      .. "ETA 0:12 (run 8:41)  loss 0.912  acc 0.681", line.progress(p, 140, false))
    assert.matches("|████████████        |", line.progress(p, 140, true), 1, true)
  end)

  it("never reaches the last column, at any width", function()
    for width = 12, 200 do
      local text = line.progress(p, width, false)
      assert.is_true(#text < width, width .. ": " .. text)
      assert.equal("Epoch 3/15", text:sub(1, 10))
    end
    local narrow = line.progress(p, 50, false)
    assert.matches("775/1250", narrow, 1, true)
    assert.matches("loss 0.912", narrow, 1, true)
  end)

  it("has no epoch count without a limit and no run time it cannot know", function()
    local q = setmetatable({ epochs = math.huge, run = math.huge }, { __index = p })
    assert.matches("^Epoch 3  62%%|", line.progress(q, 140, false))
    assert.matches("ETA 0:12  loss", line.progress(q, 140, false))
  end)
end)

describe("the epoch line", function()
  local row = { epoch = 3, best = true, ["train/loss"] = 0.93414, ["train/acc"] = 0.6702,
    ["val/loss"] = 0.879, ["val/acc"] = 0.6931, ["val/acc_macro"] = 0.6929,
    timing = { seconds = 28.44, images_per_second = 1409.3 } }

  it("is as documented", function()
    local plain = function(s) return s end
    assert.equal("epoch  3  train loss 0.9341 acc 0.6702 | val loss 0.8790 acc 0.6931 "
      .. "(macro 0.6929) * | lr 1.0e-03 | 28.4 s | 1409 img/s", line.epoch(row, 1e-3, plain))
    row.best = nil
    assert.matches("| lr 1.0e-04 1.0e-03 |", line.epoch(row, { 1e-4, 1e-3 }, plain), 1, true)
    assert.not_matches("*", line.epoch(row, 1e-3, plain), 1, true)
  end)
end)

describe("progress in a run", function()
  local dir
  before_each(function() dir = fake.directory() end)
  after_each(function() fake.remove(dir) end)

  local function run(o)
    local out, now = {}, 0
    o.out = function(text) out[#out + 1] = text end
    o.clock = function()
      now = now + 0.04
      return now
    end
    local task = fake.task {}
    local t = train.Trainer { task = task, max_epochs = 2, runs_dir = dir, header = false,
      num_sanity_val_steps = 0, callbacks = { Progress.new(o) } }
    local sizes = {}
    for i = 1, 20 do sizes[i] = 4 end
    t:fit { train = fake.loader(sizes), valid = fake.loader { 4 } }
    return table.concat(out), now
  end

  it("without a terminal: one line an epoch, no carriage return, no escape", function()
    local text = run { tty = false }
    local lines = {}
    for l in text:gmatch "[^\n]*\n" do lines[#lines + 1] = l end
    assert.equal(2, #lines)
    assert.matches("^epoch  1  train loss", lines[1])
    assert.matches(" %* |", lines[1])
    assert.not_matches(" * |", lines[2], 1, true)
    assert.not_matches("[\r\27]", text)
  end)

  it("without a terminal: also a line every 30 s", function()
    local text = run { tty = false, plain_every = 0.3 }
    assert.matches("Epoch 1/2", text, 1, true)
    assert.not_matches("[\r\27]", text)
  end)

  it("on a terminal: rewrites one line at most ten times a second", function()
    local text, seconds = run { tty = true, width = 60 }
    local n = select(2, text:gsub("\rEpoch", ""))
    assert.is_true(n >= 8 and n <= seconds / 0.1 + 1)
    for l in text:gmatch "\r(Epoch[^\27]*)\27" do
      assert.is_true(#l:gsub("█", "#") < 60)
    end
  end)
end)

describe("the estimate", function()
  local function trainer(o)
    return { opt = { max_epochs = o.epochs, device = "cpu", max_time = o.max_time,
      limit_train_batches = o.limit, accumulate_grad_batches = 1 }, position = { epoch = 0 },
      feeds = { train = { batches = 352 }, val = { batches = 40 } } }
  end

  it("tells the whole run and a shorter one", function()
    assert.equal("60 epochs: about 4.6 h on this CPU; with --limit-train-batches 0.1: 36 min",
      Estimate.text(trainer { epochs = 60 }, 0.75))
    assert.equal("1 epoch: about 5 min on this CPU", Estimate.text(trainer { epochs = 1 }, 0.75))
    assert.equal("60 epochs: about 4.6 h on this CPU; max_time stops after 20 min",
      Estimate.text(trainer { epochs = 60, max_time = 1200 }, 0.75))
  end)

  it("is silent for short runs and without an end", function()
    assert.is_nil(Estimate.text(trainer { epochs = 1 }, 0.01))
    local estimate = Estimate.new()
    estimate.told, estimate.seen = true, 9
    estimate:on_cost_change() -- frozen layers begin to train: it measures again
    assert.same({ nil, 0 }, { estimate.told, estimate.seen })
    assert.is_nil(Estimate.text(trainer { epochs = math.huge }, 0.75))
  end)
end)
