-- What finetune.lua logs by default and under which names: the table of keys in the design.
package.path = "tests/train/?.lua;tests/wandb/?.lua;tests/log/?.lua;" .. package.path
local fake = require "fake"
local process = require "process"
local reader = require "reader"
local tfevents = require "tfevents"
local core = require "vgg.core"
local json = require "vgg.json"
local util = require "vgg.util"

if not util.hosted() then -- the processes are those of the host, tested there
  describe("the keys of finetune.lua", function() pending "needs the host vgglua" end)
  return
end

local function set_of(...)
  local set = {}
  for name in table.concat({ ... }, " "):gmatch "%S+" do set[name] = true end
  return set
end

local function names(set) return table.concat(util.keys(set), " ") end

local function find(dir, pattern)
  for _, name in ipairs(core.fs.list(dir)) do
    if name:match(pattern) then return dir .. "/" .. name end
  end
end

local epoch_keys = "train/loss train/acc val/loss val/acc step lr-Adam "

describe("the keys of finetune.lua", function()
  local dir, run
  setup(function()
    dir = fake.directory()
    run = process.run("experiments/finetune.lua --data synthetic --train-images 24 --test-images 10"
      .. " --val-split 0.34 --head small --batch-size 8 --max-epochs 1 --log-every-n-steps 1"
      .. " --run-name named --logger jsonl,wandb,tensorboard --runs-dir " .. dir .. "/runs"
      .. " --tb-logs " .. dir .. "/tb",
      "WANDB_MODE=offline")
    assert(run.code == 0, run.err)
  end)
  teardown(function() fake.remove(dir) end)

  it("go to metrics.jsonl and an offline W&B run unless told otherwise", function()
    assert.same({ "jsonl", "wandb" }, require("vgg.train").flags({ "x" }, {}, "x.lua").logger)
  end)

  it("in metrics.jsonl", function()
    local seen = {}
    for _, row in ipairs(fake.rows(dir .. "/runs/named/metrics.jsonl")) do
      seen[row.type] = seen[row.type] or {}
      for key in pairs(row) do seen[row.type][key] = true end
      if row.type == "table" then assert.equal("samples", row.key) end
      if row.type == "confusion_matrix" then assert.equal("best/conf_mat", row.key) end
      if row.type == "summary" then seen.best = row.best end
    end
    assert.equal(names(set_of("type epoch best timing", epoch_keys, "train/acc_macro",
      "val/acc_macro")), names(seen.epoch))
    assert.equal(names(set_of "type epoch step batch timing train/loss_step grad_norm lr-Adam"),
      names(seen.step))
    assert.equal(names(set_of "type epoch checkpoint test/loss test/acc test/acc_macro"),
      names(seen.test))
    assert.equal(names(set_of("best/epoch best/loss best/acc best/acc_macro best/lr-Adam",
      "best/train/loss best/train/acc best/train/acc_macro")), names(seen.best))
    assert.is_table(seen.table)
    assert.is_table(seen.confusion_matrix)
    local config = json.decode(assert(io.open(dir .. "/runs/named/config.json")):read "*a")
    assert.equal("small", config.flags.head)
    assert.equal(8, config.flags.batch_size)
    assert.equal("named", config.flags.run_name)
  end)

  it("in the W&B run, with its name, project and config", function()
    local root = dir .. "/runs/named/wandb"
    local log = assert(find(assert(find(root, "^offline%-run%-")), "%.wandb$"))
    local seen, config, named = {}, {}, nil
    for _, record in ipairs(reader.read(log)) do
      if record.name == "history" then
        for key in pairs(reader.items(record.fields[1])) do
          if key:sub(1, 1) ~= "_" then seen[key:match "^[^.]*"] = true end
        end
      elseif record.name == "run" then
        named = record.fields
        for key in pairs(reader.items(reader.fields(record.fields[4][1])[1])) do
          config[key:match "^[^.]*"] = true
        end
      end
    end
    assert.is_true(seen["Custom Chart Tables/best/conf_mat_table"]) -- the chart best/conf_mat
    seen["Custom Chart Tables/best/conf_mat_table"] = nil
    assert.equal(names(set_of(epoch_keys, "best/loss best/acc samples test/loss test/acc")),
      names(seen))
    assert.equal("vgglua", named[3][1])
    assert.equal("named", named[8][1])
    for _, flag in ipairs { "lr", "batch_size", "seed", "augment", "model", "max_epochs" } do
      assert.is_true(config[flag], flag)
    end
  end)

  it("in TensorBoard", function()
    assert.matches("view    tensorboard --logdir " .. dir .. "/tb\n", run.err, 1, true)
    local version = dir .. "/tb/finetune/version_0"
    local f = assert(io.open(assert(find(version, "tfevents")), "rb"))
    local events, rest = tfevents.read(f:read "*a")
    f:close()
    assert.equal(0, rest)
    assert.equal("brain.Event:2", events[1].version)
    local by = tfevents.by_tag(events)
    for _, stage in ipairs { "train", "val", "test" } do
      assert.is_number(by[stage .. "/loss"][1][2])
      assert.is_number(by[stage .. "/acc"][1][2])
      assert.equal(1, by[stage .. "/confmat"][1][1])
      assert.is_table(by[stage .. "/samples"][1][2].image)
      assert.matches("^1%. pred: [%w_]+, true: [%w_]+\n2%. ",
        by[stage .. "/samples_labels"][1][2].strings[1])
    end
    assert.equal(2, #by["lr-Adam"])
    assert.equal(2, by["lr-Adam"][2][1]) -- by step
    assert.equal(1, by.epoch[1][2])
    assert.is_true(core.fs.exists(version .. "/hparams.yaml"))
  end)
end)
