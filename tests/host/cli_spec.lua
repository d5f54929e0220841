-- Flags of scripts (vgg.cli): spellings, types, suggestions, where values come from.
-- luacheck: ignore 122
local cli = require "vgg.cli"
local util = require "vgg.util"

local function spec()
  return {
    "Trains a net.",
    "Training",
    { "epochs", 60, "passes over the training set", type = "int", min = 1, alias = "max-epochs" },
    { "lr", 1e-3, "learning rate" },
    { "max_time", nil, "stop after this time", type = "duration" },
    { "augment", "dlcv", "pipeline", choices = { "dlcv", "course", "none" } },
    "Data",
    { "data_root", "./data", "directory of the data" },
    { "batch_size", 128, "images a step", type = "int" },
    { "shuffle", true, "shuffle the training set" },
    { "fast_dev_run", false, "one batch of everything" },
    { "limit_train_batches", math.huge, "train on so many batches", type = "limit" },
    { "logger", { "jsonl", "wandb" }, "where to log" },
  }
end

local function parse(...) return cli.parse(spec(), { ... }, "experiments/finetune.lua") end

local function failure(...)
  local ok, e = pcall(parse, ...)
  assert.is_false(ok)
  assert.is_true(util.is_failure(e))
  return e
end

local function notes(fn)
  local log, list = util.log, {}
  util.log = function(_, fmt, ...) list[#list + 1] = fmt:format(...) end
  local ok, e = pcall(fn)
  util.log = log
  assert(ok, e)
  return list
end

describe("cli", function()
  it("gives the defaults", function()
    local opt = parse()
    assert.equal(60, opt.epochs)
    assert.equal(1e-3, opt.lr)
    assert.is_nil(opt.max_time)
    assert.is_true(opt.shuffle)
    assert.is_false(opt.fast_dev_run)
    assert.same({ "jsonl", "wandb" }, opt.logger)
    assert.equal("default", cli.source(opt, "lr"))
  end)

  it("hands out a fresh list each time", function()
    local declared = spec()
    local a = cli.parse(declared, {}, "x.lua")
    a.logger[1] = "changed"
    assert.same({ "jsonl", "wandb" }, cli.parse(declared, {}, "x.lua").logger)
  end)

  it("reads --x v, --x=v, dashes, underscores, dots and aliases alike", function()
    for _, argv in ipairs {
      { "--batch-size", "7", "--max-epochs", "3", "--lr", ".001" },
      { "--batch_size=7", "--epochs=3", "--lr=1e-3" },
      { "--data.batch-size", "7", "--trainer.max-epochs=3", "--model.lr", "0.001" },
      { "--data.batch_size=7", "--trainer.max_epochs", "3", "--model.lr=1E-3" },
    } do
      local opt = parse(unpack(argv))
      assert.equal(7, opt.batch_size)
      assert.equal(3, opt.epochs)
      assert.equal(0.001, opt.lr)
      assert.is_nil(opt.max_epochs)
      assert.equal("flag", cli.source(opt, "batch_size"))
    end
  end)

  it("takes booleans strictly", function()
    assert.is_true(parse("--fast-dev-run").fast_dev_run)
    assert.is_true(parse("--fast-dev-run=true").fast_dev_run)
    assert.is_false(parse("--fast-dev-run=false").fast_dev_run)
    assert.is_false(parse("--fast-dev-run", "false").fast_dev_run)
    assert.is_false(parse("--no-shuffle").shuffle)
    assert.equal("finetune.lua: --fast-dev-run: want true or false, got 'maybe'",
      failure("--fast-dev-run=maybe").message)
    for _, text in ipairs { "False", "0", "yes", "" } do
      assert.equal(2, failure("--fast-dev-run=" .. text).exit)
    end
    assert.equal(2, failure("--no-shuffle=true").exit)
  end)

  it("suggests the nearest flag and runs nothing", function()
    local e = failure("--batchsize", "3")
    assert.equal("finetune.lua: unknown option --batchsize. Did you mean --batch-size?", e.message)
    assert.equal(2, e.exit)
    assert.matches("Did you mean %-%-no%-shuffle", failure("--no-shufle").message)
    assert.matches("Did you mean %-%-batch%-size", failure("--data.batchsize", "3").message)
    assert.matches("Try %-%-help", failure("--zebra").message)
    assert.matches("unknown option %-x", failure("-x").message)
    assert.matches("unknown option %-%-other%.lr", failure("--other.lr", "1").message)
  end)

  it("checks numbers, whole numbers, limits and choices", function()
    assert.equal("finetune.lua: --lr: want a number, got '1e'", failure("--lr", "1e").message)
    for _, text in ipairs { "nan", "inf", "0x10", "", "1,5" } do
      assert.equal(2, failure("--lr=" .. text).exit)
    end
    assert.matches("want a whole number, got '1.5'", failure("--epochs", "1.5").message)
    assert.matches("want at least 1, got 0", failure("--epochs", "0").message)
    assert.equal(
      "finetune.lua: --augment: no 'dlvc'. Did you mean 'dlcv'? Choices: dlcv course none",
      failure("--augment", "dlvc").message)
    assert.equal(-1, parse("--lr", "-1").lr)
    assert.equal(2, failure("--lr").exit)
    assert.equal(2, failure("--lr", "--epochs", "2").exit)
    assert.matches("unexpected argument 'foo'", failure("foo").message)
  end)

  it("reads durations", function()
    for text, seconds in pairs {
      ["20m"] = 1200, ["1200s"] = 1200, ["1200"] = 1200, ["00:00:20:00"] = 1200,
      ["1h30m"] = 5400, ["01:00:00:01"] = 86401, ["0.5h"] = 1800,
    } do
      assert.equal(seconds, parse("--max-time", text).max_time)
    end
    assert.equal('finetune.lua: max-time "00:20:00" is not DD:HH:MM:SS ' ..
      "(for 20 minutes write 00:00:20:00 or 20m)", failure("--max-time", "00:20:00").message)
    assert.equal(2, failure("--max-time", "soon").exit)
  end)

  it("reads batch limits as counts or shares", function()
    assert.equal(10, parse("--limit-train-batches", "10").limit_train_batches)
    assert.equal(0.25, parse("--limit-train-batches", "25%").limit_train_batches)
    assert.equal(0.1, parse("--limit-train-batches", "0.1").limit_train_batches)
    assert.equal(math.huge, parse("--limit-train-batches", "1.0").limit_train_batches)
    assert.equal(1, parse("--limit-train-batches", "1").limit_train_batches)
    assert.equal(2, failure("--limit-train-batches", "1.5").exit)
    assert.equal(2, failure("--limit-train-batches", "-1").exit)
  end)

  it("lets the last of repeated flags win, with a note", function()
    local opt
    local said = notes(function() opt = parse("--lr", "1", "--model.lr", "2") end)
    assert.equal(2, opt.lr)
    assert.same({ "note: --lr given twice, using 2" }, said)
  end)

  it("ranks flag before environment before default", function()
    local getenv = os.getenv
    finally(function() os.getenv = getenv end)
    os.getenv = function(name) return ({ VGG_DATA = "/env" })[name] end
    local opt = parse()
    assert.equal("/env", opt.data_root)
    assert.equal("environment VGG_DATA", cli.source(opt, "data_root"))
    opt = parse("--data-root", "/flag")
    assert.equal("/flag", opt.data_root)
    assert.equal("flag", cli.source(opt, "data_root"))
    os.getenv = function(name) return ({ VGG_DATA = "" })[name] end
    assert.equal("./data", parse().data_root)
    os.getenv = function(name) return ({ VGG_THREADS = "many" })[name] end
    local ok, e = pcall(cli.parse, { { "threads", 0, "threads", type = "int" } }, {}, "x.lua")
    assert.is_false(ok)
    assert.equal("x.lua: VGG_THREADS: want a whole number, got 'many'", e.message)
  end)

  it("prints help with every default, in order and in groups", function()
    local e = failure("--lr", "3", "--help")
    assert.equal(0, e.exit)
    local at = 0
    for _, part in ipairs {
      "Trains a net.", "usage: vgglua experiments/finetune.lua [options]", "\nTraining\n",
      "--epochs N", "passes over the training set [default 60]", "[default 0.001]",
      "--max-time TIME", "[dlcv | course | none; default dlcv]", "\nData\n",
      "[default ./data; env VGG_DATA]", "--[no-]shuffle", "[default on]", "--fast-dev-run",
      "[default off]", "[default all]", "[default jsonl,wandb]", "--quiet", "--help",
    } do
      local found = e.message:find(part, at + 1, true)
      assert.is_truthy(found, "missing or out of order: " .. part)
      at = found
    end
  end)

  it("takes flags by name, positional arguments and required flags", function()
    local opt = cli.parse({ lr = { 1e-3, "learning rate" }, args = "FILE..." },
      { "a", "--lr", "2", "b", "--", "--c" }, "x.lua")
    assert.equal(2, opt.lr)
    assert.same({ "a", "b", "--c" }, { opt[1], opt[2], opt[3] })
    local ok, e = pcall(cli.parse, { { "ckpt", nil, "checkpoint", required = true } }, {}, "x.lua")
    assert.is_false(ok)
    assert.equal("x.lua: --ckpt is required: checkpoint", e.message)
  end)

  it("runs checks of its own and refuses bad declarations", function()
    local function odd(v) return v % 2 == 1, "want an odd one" end
    local declared = { { "n", 1, "n", check = odd } }
    assert.equal(3, cli.parse(declared, { "--n", "3" }, "x.lua").n)
    local ok, e = pcall(cli.parse, declared, { "--n", "4" }, "x.lua")
    assert.is_false(ok)
    assert.equal("x.lua: --n: want an odd one", e.message)
    assert.has_error(function() cli.parse({ { "a", 1 }, { "a", 2 } }, {}, "x.lua") end)
    assert.has_error(function() cli.parse({ { "a", 1, type = "floot" } }, {}, "x.lua") end)
  end)
end)
