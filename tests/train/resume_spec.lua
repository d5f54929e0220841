-- A killed run that is resumed ends as the undisturbed one: same log, same weights, byte for byte.
package.path = "tests/train/?.lua;" .. package.path
local fake = require "fake"
local process = require "process"
local core = require "vgg.core"

if not require("vgg.util").hosted() then -- the processes are those of the host, tested there
  describe("resume", function() pending "needs the host vgglua" end)
  return
end

local dir
local flags = "--max-epochs 3 --checkpoint-every-n-steps 4 --log-every-n-steps 1 --runs-dir "

-- at: "hook:n" or "hook:n:SIGNAL" where the process shall die
local function tiny(args, at)
  if at and not at:match ":%u%w+$" then at = at .. ":KILL" end
  return process.run("tests/train/tiny.lua " .. flags .. dir .. " " .. args,
    at and "TINY_KILL=" .. at)
end

-- Rows without what depends on time.
local function rows(name)
  local list = fake.rows(dir .. "/" .. name .. "/metrics.jsonl")
  for _, row in ipairs(list) do row.timing = nil end
  return list
end

local function weights(name, file)
  return assert(core.io.sha256(("%s/%s/%s.safetensors"):format(dir, name, file)))
end

describe("kill -9 and --resume", function()
  setup(function()
    dir = fake.directory()
    local r = tiny "--run-name whole"
    assert(r.code == 0, r.err)
  end)
  teardown(function() fake.remove(dir) end)

  local function same_as_whole(name)
    assert.same(rows "whole", rows(name))
    assert.equal(weights("whole", "last"), weights(name, "last"))
    assert.equal(weights("whole", "best"), weights(name, "best"))
  end

  local function killed_and_resumed(name, at, before, after)
    local r = tiny(("--run-name %s %s"):format(name, before or ""), at)
    assert.equal(137, r.code, r.err)
    r = process.run(("tests/train/tiny.lua --resume %s --runs-dir %s %s"):format(name, dir,
      after or ""))
    assert.equal(0, r.code, r.err)
    same_as_whole(name)
  end

  it("two undisturbed runs are equal", function()
    local r = tiny "--run-name again"
    assert.equal(0, r.code, r.err)
    same_as_whole "again"
  end)

  it("before the first checkpoint", function()
    killed_and_resumed("early", "on_train_batch_end:2")
  end)

  it("in the middle of an epoch", function()
    killed_and_resumed("middle", "on_train_batch_end:27")
  end)

  it("with another number of threads for the augmentation", function()
    killed_and_resumed("threads", "on_train_batch_end:22", "--num-workers 2", "--num-workers 7")
  end)

  it("during validation", function() killed_and_resumed("val", "on_validation_batch_end:4") end)

  it("right before an epoch's checkpoint", function()
    killed_and_resumed("edge", "on_epoch_end:2")
  end)

  it("during the test", function() killed_and_resumed("test", "on_test_batch_end:1") end)

  it("with checkpoints at other times", function()
    killed_and_resumed("often", "on_train_batch_end:23", "--checkpoint-every-n-steps 1")
  end)

  it("twice", function()
    local r = tiny("--run-name twice", "on_train_batch_end:9")
    assert.equal(137, r.code)
    r = process.run("tests/train/tiny.lua --resume twice --runs-dir " .. dir,
      "TINY_KILL=on_train_batch_end:20:KILL")
    assert.equal(137, r.code)
    r = process.run("tests/train/tiny.lua --resume last --runs-dir " .. dir)
    assert.equal(0, r.code, r.err)
    same_as_whole "twice"
  end)

  it("names what differs from the run", function()
    tiny("--run-name other", "on_train_batch_end:9")
    local r = process.run("tests/train/tiny.lua --resume other --lr 0.01 --seed 3 --runs-dir "
      .. dir)
    assert.equal(3, r.code)
    assert.matches("resume: 'other' is another run: --lr was 0.001, now 0.01; "
      .. "--seed was 3735928559, now 3", r.err, 1, true)
  end)

  it("does not know a run that is not there", function()
    local r = process.run("tests/train/tiny.lua --resume whol --runs-dir " .. dir)
    assert.equal(3, r.code)
    assert.matches("no run 'whol' in '" .. dir .. "'. Did you mean 'whole'?", r.err, 1, true)
  end)

  it("keeps the previous checkpoint when the disk is full, and says so", function()
    local r = tiny "--run-name full --max-epochs 1"
    assert.equal(0, r.code, r.err)
    local before = weights("full", "last")
    local go_on = "tests/train/tiny.lua --resume full --max-epochs 3 --runs-dir " .. dir
    r = process.run(go_on, nil, "ulimit -f 64")
    assert.equal(3, r.code, r.err)
    assert.matches("checkpoint: .*full/last.safetensors", r.err)
    assert.equal(before, weights("full", "last"))
    r = process.run(go_on)
    assert.equal(0, r.code, r.err)
    same_as_whole "full"
  end)

  it("goes on when a finished run gets more epochs", function()
    local r = tiny "--run-name short --max-epochs 2"
    assert.equal(0, r.code, r.err)
    r = process.run("tests/train/tiny.lua --resume short --max-epochs 3 --runs-dir " .. dir)
    assert.equal(0, r.code, r.err)
    assert.equal(weights("whole", "last"), weights("short", "last"))
  end)
end)

describe("--lr-schedule", function()
  before_each(function() dir = fake.directory() end)
  after_each(function() fake.remove(dir) end)

  local function rates(name)
    local list = {}
    for _, row in ipairs(rows(name)) do
      if row.type == "step" then list[#list + 1] = row["lr-Adam"] end
    end
    return list
  end

  it("moves the rate over all steps of the run, also over a kill", function()
    local first = { onecycle = 1e-3 / 25, cosine = 1e-3 }
    local last = { onecycle = 1e-3 / 25 / 1e4,
      cosine = 1e-3 * (1 + math.cos(math.pi * 50 / 51)) / 2 }
    for name in pairs(first) do
      local r = tiny(("--lr-schedule %s --run-name whole-%s"):format(name, name))
      assert.equal(0, r.code, r.err)
      local list = rates("whole-" .. name)
      assert.equal(51, #list)
      assert.near(first[name], list[1], 1e-12)
      assert.near(last[name], list[51], 1e-12)
      tiny(("--lr-schedule %s --run-name %s"):format(name, name), "on_train_batch_end:23")
      r = process.run(("tests/train/tiny.lua --resume %s --runs-dir %s"):format(name, dir))
      assert.equal(0, r.code, r.err)
      assert.same(list, rates(name))
      assert.equal(weights("whole-" .. name, "last"), weights(name, "last"))
    end
  end)

  it("needs to know the length of the run", function()
    local r = process.run("tests/train/tiny.lua --max-time 5s --lr-schedule cosine --runs-dir "
      .. dir)
    assert.equal(2, r.code, r.err)
    assert.matches("give --max-epochs or --max-steps", r.err, 1, true)
  end)
end)

describe("signals", function()
  before_each(function() dir = fake.directory() end)
  after_each(function() fake.remove(dir) end)

  it("SIGINT finishes the step, saves, prints the command that goes on, ends with 130", function()
    local r = tiny("--run-name x", "on_train_batch_end:7:INT")
    assert.equal(130, r.code, r.err)
    assert.matches("interrupted at epoch 1 after batch 7 of 17", r.err, 1, true)
    assert.matches("resume: vgglua tests/train/tiny.lua --resume " .. dir .. "/x", r.err, 1, true)
    local command = r.err:match "resume: vgglua ([^\n]*)"
    r = process.run(command)
    assert.equal(0, r.code, r.err)
    tiny "--run-name whole"
    assert.same(rows "whole", rows "x")
    assert.equal(weights("whole", "last"), weights("x", "last"))
  end)

  it("SIGINT inside a step drops it, and the run goes on as if it had not begun", function()
    for _, parts in ipairs { 1, 3 } do
      dir = parts == 1 and dir or fake.directory()
      local options = ("--accumulate-grad-batches %d --run-name "):format(parts)
      local r = tiny(options .. "x", "on_train_batch_start:8:INT")
      assert.equal(130, r.code, r.err)
      local at = parts == 1 and 7 or 6 -- the third step of three is stopped in its second batch
      assert.matches(("interrupted at epoch 1 after batch %d of 17"):format(at), r.err, 1, true)
      r = process.run(r.err:match "resume: vgglua ([^\n]*)")
      assert.equal(0, r.code, r.err)
      tiny(options .. "whole")
      assert.same(rows "whole", rows "x")
      assert.equal(weights("whole", "last"), weights("x", "last"))
    end
  end)

  it("SIGTERM the same with 143, also during validation", function()
    local r = tiny("--run-name x", "on_validation_batch_end:3:TERM")
    assert.equal(143, r.code, r.err)
    assert.matches("terminated at epoch 2 after batch 17 of 17", r.err, 1, true)
    r = process.run("tests/train/tiny.lua --resume " .. dir .. "/x")
    assert.equal(0, r.code, r.err)
    tiny "--run-name whole"
    assert.same(rows "whole", rows "x")
  end)

  it("SIGUSR1 writes a checkpoint and goes on", function()
    local r = tiny("--run-name x --checkpoint-every-n-steps 1000 --max-epochs 1",
      "on_train_batch_end:7:USR1")
    assert.equal(0, r.code, r.err)
    assert.matches("saved " .. dir .. "/x/last.safetensors", r.err, 1, true)
  end)
end)
