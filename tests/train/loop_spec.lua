-- The trainer's own arithmetic and order of events, with numbers written down beforehand.
package.path = "tests/train/?.lua;" .. package.path
local fake = require "fake"
local util = require "vgg.util"
local train = require "vgg.train"

local dir
local function trainer(o)
  o.runs_dir, o.header, o.progress, o.pictures = dir, false, false, false
  o.max_epochs = o.max_epochs or 1
  return train.Trainer(o)
end

local function failure(fn, ...)
  local ok, e = pcall(fn, ...)
  assert.is_false(ok)
  assert.is_true(util.is_failure(e), tostring(e))
  return e
end

describe("the loop", function()
  before_each(function() dir = fake.directory() end)
  after_each(function() fake.remove(dir) end)
  local task = fake.task

  it("weights the epoch's loss by batch size", function()
    local losses = { 1, 2, 3, 7 }
    local t = trainer { task = task { train = function(_, k) return losses[k] end } }
    t:fit { train = fake.loader { 64, 64, 64, 8 } }
    local want = (64 * 1 + 64 * 2 + 64 * 3 + 8 * 7) / 200
    assert.near(want, t.last_row["train/loss"], 1e-12)
    assert.is_true(math.abs(want - 13 / 4) > 0.5) -- not the mean of the batches
  end)

  it("reports the peak of the validation, keeps the first of equals, never NaN", function()
    local function best(...)
      local accs = { ... }
      local t = trainer { task = task { acc = function(n) return accs[n] end,
        valid = function(n) return n / 10 end }, max_epochs = #accs, num_sanity_val_steps = 0,
        overwrite = true, run_name = "best" }
      t:fit { train = fake.loader { 4, 4 }, valid = fake.loader { 4 } }
      return t.best
    end
    local b = best(0.5, 0.8, 0.7, 0.6)
    assert.equal(2, b.epoch)
    assert.equal(0.8, b.metrics["val/acc"])
    assert.near(0.2, b.metrics["val/loss"], 1e-12)
    assert.near(1, b.metrics["train/loss"], 1e-12)
    assert.equal(2, best(0.5, 0.8, 0.8, 0.6).epoch)
    assert.equal(1, best(0.5, 0 / 0, 0.4).epoch)
    assert.equal(2, best(0 / 0, 0.1, 0 / 0).epoch)
  end)

  it("leaves two checkpoints, the best one named after epoch and metric", function()
    local accs = { 0.5, 0.8, 0.7, 0.6 }
    local t = trainer { task = task { acc = function(n) return accs[n] end }, max_epochs = 4,
      num_sanity_val_steps = 0, run_name = "a/b: c" }
    t:fit { train = fake.loader { 4, 4 }, valid = fake.loader { 4 } }
    local core = require "vgg.core"
    assert.same({ "best.safetensors", "clock.json", "config.json",
      "epoch=2-val_acc=0.80.safetensors", "last.safetensors", "metrics.jsonl" },
      core.fs.list(dir .. "/a_b_c"))
    local info = require("vgg.checkpoint").inspect(dir .. "/a_b_c/best.safetensors")
    assert.same({ epoch = 2, batch = 0, step = 4, rows = 2 }, info.meta.position)
    info = require("vgg.checkpoint").inspect(dir .. "/a_b_c/last.safetensors")
    assert.equal(4, info.meta.position.epoch)
  end)

  it("formats file names as asked", function()
    local name = require("vgg.callbacks.checkpoint").file_name
    local best = { epoch = 14, step = 2, metrics = { ["val/acc"] = 0.76184 } }
    assert.equal("14-0.7618.safetensors", name("{epoch:02d}-{val/acc:.4f}", best))
    assert.equal("epoch=14-val_acc=0.76.safetensors", name("epoch={epoch}-val_acc={val/acc:.2f}",
      best))
    local e = failure(name, "{val/ac}", best)
    assert.matches("did you mean 'val/acc'", e.message)
  end)

  it("divides the loss over accumulated batches and steps a last incomplete window", function()
    local the_task = task {}
    local t = trainer { task = the_task, accumulate_grad_batches = 2 }
    t:fit { train = fake.loader { 4, 4, 4, 4, 4 } }
    assert.same({ 0.5, 0.5, 0.5, 0.5, 0.5 }, the_task.backwards)
    assert.equal(3, the_task.optimizer.steps)
    assert.equal(3, t.position.step)
  end)

  it("logs N rows for N steps, and every nth step otherwise", function()
    local function rows(n)
      local t = trainer { task = task {}, log_every_n_steps = n, max_epochs = 2 }
      t:fit { train = fake.loader { 4, 4, 4, 4, 4 } }
      local steps = {}
      for _, row in ipairs(fake.rows(t.run:path "metrics.jsonl")) do
        if row.type == "step" then
          steps[#steps + 1] = row.step
          assert.equal(0.1, row["lr-Adam"])
        end
      end
      return steps
    end
    assert.same({ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, rows(1))
    assert.same({ 4, 8 }, rows(4))
  end)

  it("honours max_steps and validates what they cut", function()
    local t = trainer { task = task {}, max_steps = 7, max_epochs = 9, num_sanity_val_steps = 0 }
    local r = t:fit { train = fake.loader { 4, 4, 4, 4, 4 }, valid = fake.loader { 4 } }
    assert.equal("max_steps", r.stop_reason)
    assert.same({ epoch = 1, batch = 2, step = 7 }, t.position)
    assert.is_true(t.last_row.partial)
    assert.truthy(t.last_row["val/loss"])
  end)

  it("max_time stops between steps; without max_epochs there is no other limit", function()
    local t = train.Trainer { task = task {}, max_time = "0.2s", runs_dir = dir, header = false,
      progress = false, save = false }
    assert.equal(math.huge, t.opt.max_epochs)
    local r = t:fit { train = fake.loader { 4 } }
    assert.equal("max_time", r.stop_reason)
    assert.is_true(t.position.epoch > 1 and t:elapsed() >= 0.2 and t:elapsed() < 2)
  end)

  it("reads DD:HH:MM:SS and short forms, and shows the right form of a wrong one", function()
    local function seconds(text) return trainer({ max_time = text }).opt.max_time end
    assert.equal(1200, seconds "00:00:20:00")
    assert.equal(1200, seconds "20m")
    assert.equal(1200, seconds "1200s")
    assert.equal(93784, seconds "01:02:03:04")
    local e = failure(seconds, "00:20:00")
    assert.equal(2, e.exit)
    assert.matches('"00:20:00" is not DD:HH:MM:SS', e.message, 1, true)
    assert.matches("00:00:20:00 or 20m", e.message, 1, true)
  end)

  it("fast_dev_run does one batch of each and leaves nothing", function()
    local t = trainer { task = task {}, fast_dev_run = true, max_epochs = 9 }
    local loader, valid = fake.loader { 4, 4, 4 }, fake.loader { 4, 4 }
    t:fit { train = loader, valid = valid }
    local test = fake.loader { 4, 4 }
    local r = t:test_both(test)
    assert.equal("current", r.current.label)
    assert.same({ { 0, 1 } }, loader.seen)
    assert.same({ { 0, 1 } }, valid.seen)
    assert.same({ { 0, 1 } }, test.seen)
    assert.same({}, require("vgg.core").fs.list(dir))
    assert.matches("fast_dev_run", require("vgg.train.header").lines(t)[6])
  end)

  it("limits batches by count and share", function()
    local function seen(limit)
      local loader = fake.loader { 4, 4, 4, 4, 4, 4, 4, 4, 4, 4 }
      trainer({ task = task {}, limit_train_batches = limit, save = false }):fit { train = loader }
      return #loader.seen
    end
    assert.equal(3, seen(3))
    assert.equal(2, seen(0.25))
    assert.equal(1, seen(0.01))
    assert.equal(10, seen("1.0"))
    assert.equal(10, seen(nil))
    assert.equal(10, seen(50))
  end)

  it("overfit_batches trains and validates on the same batches", function()
    local loader = fake.loader { 4, 4, 4, 4 }
    local t = trainer { task = task {}, overfit_batches = 2, max_epochs = 2, save = false,
      num_sanity_val_steps = 0 }
    t:fit { train = loader, valid = fake.loader { 4 } }
    assert.same({ { 0, 1 }, { 0, 2 }, { 0, 1 }, { 0, 2 }, { 1, 1 }, { 1, 2 }, { 0, 1 }, { 0, 2 } },
      loader.seen)
  end)

  it("validates every n epochs and after the last", function()
    local t = trainer { task = task {}, check_val_every_n_epoch = 2, max_epochs = 3,
      num_sanity_val_steps = 0 }
    local valid = fake.loader { 4 }
    t:fit { train = fake.loader { 4 }, valid = valid }
    assert.equal(2, #valid.seen)
  end)

  it("never logs the sanity check", function()
    local the_task = task {}
    local t = trainer { task = the_task, num_sanity_val_steps = 2 }
    t:fit { train = fake.loader { 4 }, valid = fake.loader { 4, 4, 4 } }
    local n = 0
    for _, row in ipairs(fake.rows(t.run:path "metrics.jsonl")) do
      if row["val/loss"] then n = n + 1 end
    end
    assert.equal(1, n)
  end)

  it("names an unknown monitor before training and refuses a contradicting mode", function()
    local loader = fake.loader { 4 }
    local function fit(o)
      o.task = task {}
      return trainer(o):fit { train = loader, valid = fake.loader { 4 } }
    end
    local e = failure(fit, { monitor = "val/accuracy" })
    assert.equal(2, e.exit)
    assert.matches("monitor 'val/accuracy' is not logged (have: train/acc train/loss val/acc "
      .. "val/loss)", e.message, 1, true)
    e = failure(fit, { monitor = "val/los" })
    assert.matches("did you mean 'val/loss'", e.message)
    e = failure(fit, { monitor = "val/acc", mode = "min" })
    assert.matches("mode 'min' contradicts 'val/acc', where larger is better", e.message, 1, true)
    assert.equal(0, #loader.seen)
    fit { monitor = "val/loss" }
  end)

  it("stops early after `patience` validations and says why", function()
    local callbacks = require "vgg.callbacks"
    local losses = { 0.5, 0.4, 0.45, 0.41, 0.4, 0.3 }
    local t = trainer { task = task { valid = function(n) return losses[n] end }, max_epochs = 6,
      num_sanity_val_steps = 0,
      callbacks = { callbacks.EarlyStopping { patience = 3, verbose = false } } }
    local r = t:fit { train = fake.loader { 4 }, valid = fake.loader { 4 } }
    assert.equal("early_stop", r.stop_reason)
    assert.equal(5, t.position.epoch)
  end)

  it("stops early on a validation loss that is not finite", function()
    local callbacks = require "vgg.callbacks"
    local t = trainer { task = task { valid = function(n) return n == 2 and 0 / 0 or 1 end },
      max_epochs = 6, num_sanity_val_steps = 0,
      callbacks = { callbacks.EarlyStopping { patience = 9, verbose = false } } }
    t:fit { train = fake.loader { 4 }, valid = fake.loader { 4 } }
    assert.equal(2, t.position.epoch)
  end)

  it("raises exit 4 at a gradient that is not finite and keeps the state", function()
    local n = 0
    local t = trainer { task = task { norm = function()
      n = n + 1
      return n == 3 and 1 / 0 or 5
    end } }
    local e = failure(t.fit, t, { train = fake.loader { 4, 4, 4, 4 } })
    assert.equal(4, e.exit)
    assert.matches("train: gradient is infinite at epoch 1 step 3. First non-finite value: ",
      e.message, 1, true)
    assert.matches("lr 0.1, grad norm 5.0e+00 before. Saved " .. t.run:path "nan.safetensors",
      e.message, 1, true)
    assert.matches("try --lr 0.01 or --gradient-clip-val 1", e.message, 1, true)
    local info = require("vgg.checkpoint").inspect(t.run:path "nan.safetensors")
    assert.equal(2, info.meta.position.batch)
  end)

  it("calls hooks in order, the task's before the callbacks'", function()
    local log = {}
    local function hooks(who)
      return setmetatable({ name = who }, { __index = function(_, hook)
        if not hook:match "^on_" then return nil end
        return function() log[#log + 1] = who .. "." .. hook end
      end })
    end
    local t = trainer { task = task {}, callbacks = { hooks "c" }, save = false,
      num_sanity_val_steps = 0, log_every_n_steps = 1 }
    t:fit { train = fake.loader { 4 }, valid = fake.loader { 4 } }
    assert.same({ "c.on_fit_start", "c.on_train_epoch_start", "c.on_train_batch_start",
      "c.on_train_batch_end", "c.on_before_optimizer_step", "c.on_log_step",
      "c.on_train_step_end", "c.on_step_boundary", "c.on_train_epoch_end",
      "c.on_validation_epoch_start", "c.on_validation_batch_end", "c.on_validation_epoch_end",
      "c.on_epoch_end", "c.on_fit_end" },
      log)
  end)

  it("reaches the raw loggers from a hook", function()
    local the_task = task {}
    function the_task.on_test_epoch_end(_, tr, result)
      tr.loggers[1]:log_metrics { type = "mine", label = result.label }
    end
    local t = trainer { task = the_task }
    t:fit { train = fake.loader { 4 } }
    t:test(fake.loader { 4 })
    t.loggers:flush()
    local rows = fake.rows(t.run:path "metrics.jsonl")
    assert.equal("mine", rows[#rows].type)
  end)

  it("a failing logger warns once and never stops the training", function()
    local broken = { name = "broken", rows = 0 }
    function broken.log_metrics() error "no space" end
    function broken.flush() end
    local warned, log = 0, util.log
    util.log = function(level) if level == "warn" then warned = warned + 1 end end -- luacheck: ignore
    local t = trainer { task = task {}, loggers = { broken }, log_every_n_steps = 1 }
    local ok, e = pcall(t.fit, t, { train = fake.loader { 4, 4 } })
    util.log = log -- luacheck: ignore
    assert(ok, e)
    assert.equal(1, warned)
  end)

  it("refuses an existing run, and removes it when asked to", function()
    local function run(o)
      o.task, o.run_name = task {}, "x"
      return trainer(o):fit { train = fake.loader { 4 } }
    end
    run {}
    local e = failure(run, {})
    assert.equal(2, e.exit)
    assert.matches("--resume x, start again with --overwrite", e.message, 1, true)
    run { overwrite = true }
  end)

  local function fit(o)
    o.task, o.run_name, o.num_sanity_val_steps = o.task or task {}, "x", 0
    local t = trainer(o)
    local ok, e = pcall(t.fit, t, { train = fake.loader { 4, 4, 4, 4 }, valid = fake.loader { 4 } })
    return ok, t, e
  end

  it("an error between steps saves the state, one inside a step leaves `last` alone", function()
    local fs, checkpoint = require("vgg.core").fs, require "vgg.checkpoint"
    local quiet = util.quiet()
    util.quiet(true)
    local function run(hook)
      return fit { overwrite = true, checkpoint_every_n_steps = 1, callbacks = { {
        [hook] = function(_, t) if t.position.step == 2 then error "mine" end end } } }
    end
    local ok, t = run "on_train_step_end"
    assert.is_false(ok)
    assert.equal(2, checkpoint.inspect(t.run:path "last.safetensors").meta.position.batch)
    assert.is_false(fs.exists(t.run:path "exception.safetensors"))
    ok, t = run "on_train_batch_end"
    assert.is_false(ok)
    assert.equal(2, checkpoint.inspect(t.run:path "last.safetensors").meta.position.batch)
    assert.is_true(fs.exists(t.run:path "exception.safetensors"))
    util.quiet(quiet)
  end)

  it("goes on with time, best row and early stopping where it was", function()
    local callbacks = require "vgg.callbacks"
    local losses = { 0.5, 0.4, 0.6, 0.7, 0.7, 0.7 }
    local function o(more)
      local n = more.resume and 3 or 0
      more.task = task { valid = function(k) return losses[k + n] end,
        acc = function(k) return k + n == 2 and 0.9 or 0.1 end }
      more.callbacks = { callbacks.EarlyStopping { patience = 3, verbose = false } }
      return more
    end
    local ok, t = fit(o { max_epochs = 3 })
    assert.is_true(ok)
    local elapsed = t:elapsed()
    local resumed
    ok, resumed = fit(o { max_epochs = 9, resume = "x" })
    assert.is_true(ok)
    assert.is_true(resumed.clock.before > 0 and resumed.clock.before <= elapsed)
    assert.equal(2, resumed.best.epoch)
    assert.equal(0.9, resumed.best.metrics["val/acc"])
    assert.equal("early_stop", resumed.stop_reason)
    assert.equal(5, resumed.position.epoch)
    assert.equal(20, resumed.task.optimizer.steps)
  end)

  it("an early stop is not undone by resuming", function()
    local callbacks = require "vgg.callbacks"
    local function o(resume)
      return { max_epochs = 9, resume = resume,
        callbacks = { callbacks.EarlyStopping { patience = 2, verbose = false } } }
    end
    local _, t = fit(o())
    assert.equal(3, t.position.epoch)
    _, t = fit(o "x")
    assert.equal(3, t.position.epoch)
    assert.equal("early_stop", t.stop_reason)
  end)

  it("a kill between two steps of replacing the best leaves a complete one", function()
    local fs, checkpoint = require("vgg.core").fs, require "vgg.checkpoint"
    local link, links = fs.link, 0
    fs.link = function(...)
      links = links + 1
      if links == 3 then return nil, "killed here" end
      return link(...)
    end
    local function o(more)
      local n = more.resume and 1 or 0
      more.task = task { acc = function(k) return (k + n) / 10 end }
      more.max_epochs = 3
      return more
    end
    local ok, t = fit(o {})
    fs.link = link
    assert.is_false(ok)
    local first, second = "epoch=1-val_acc=0.10.safetensors", "epoch=2-val_acc=0.20.safetensors"
    for _, file in ipairs { first, second, "best.safetensors", "last.safetensors" } do
      assert.is_true(checkpoint.verify(t.run:path(file)))
    end
    ok, t = fit(o { resume = "x" })
    assert.is_true(ok)
    assert.same({ "best.safetensors", "clock.json", "config.json",
      "epoch=3-val_acc=0.30.safetensors", "last.safetensors", "metrics.jsonl" },
      fs.list(t.run.dir))
  end)

  it("knows its options", function()
    local ok, e = pcall(train.Trainer, { max_epoch = 3 })
    assert.is_false(ok)
    assert.matches("unknown option 'max_epoch' (did you mean 'max_epochs'?)", e, 1, true)
    if not require("vgg.core").device.bf16() then
      e = failure(train.Trainer, { max_epochs = 1, precision = "bf16-mixed" })
      assert.matches("bf16-mixed needs a CPU with AMX-BF16 or AVX512-BF16", e.message, 1, true)
    end
    e = failure(train.Trainer, { max_epochs = 1, precision = "f16" })
    assert.matches("no 'f16'. Known: 32, tf32, bf16-mixed", e.message, 1, true)
    e = failure(train.Trainer, {})
    assert.matches("give max_epochs, max_steps or max_time", e.message)
  end)
end)
