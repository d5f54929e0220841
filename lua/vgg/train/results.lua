-- What a run came to: tables for programs, a summary line and tables for people.
local Clock = require "vgg.train.clock"
local json = require "vgg.json"
local tables = require "vgg.train.tables"
local Tracker = require "vgg.train.tracker"


local results = {}

function results.of_fit(t)
  return {
    stop_reason = t.stop_reason, epochs = t.position.epoch, steps = t.position.step,
    best = t.best, last = t.last_row, monitor = t.tracker.monitor, run = t.run and t.run.dir,
    seconds = t:elapsed(),
  }
end

-- See Trainer:test_both.
function results.test_both(t, loader)
  if not t.run or not t.best then return { current = t:test { data = loader } } end
  local at = t.best.step == t.position.step
  local last = not at and t:test { data = loader, label = "last" } or nil
  local best = t:test { data = loader, ckpt = "best", label = "best" }
  return { best = best, last = last or best, same = at }
end

local function scores_text(v)
  local parts = {}
  if v.acc then parts[1] = ("acc %.4f (macro %.4f)"):format(v.acc, v.acc_macro) end
  parts[#parts + 1] = ("loss %.4f"):format(v.loss)
  return table.concat(parts, " ")
end

local reasons = {
  max_epochs = nil, early_stop = "stopped early: no more improvement",
  max_steps = "stopped by max_steps", max_time = "stopped by max_time",
}

-- "stopped by max_time, still improving": the last validated epoch was the best.
local function reason(t)
  local text = reasons[t.stop_reason]
  if not text or t.stop_reason == "early_stop" then return text end
  local improving = t.best and t.last_row and t.best.epoch == t.last_row.epoch
  return text .. (improving and ", still improving" or "")
end

-- One line for stdout.
function results.line(t, tests)
  local parts = {}
  if t.best then
    local best = { loss = t.best.metrics["val/loss"], acc = t.best.metrics["val/acc"],
      acc_macro = t.best.metrics["val/acc_macro"] }
    if best.loss then
      parts[1] = ("best epoch %d of %d: val %s"):format(t.best.epoch,
        math.max(t.position.epoch, t.best.epoch), scores_text(best))
    end
  end
  local test = tests and (tests.best or tests.current)
  if test then
    parts[#parts + 1] = ("test %s"):format(scores_text(test.values))
    if tests.last and not tests.same then
      parts[#parts + 1] = "last: test " .. scores_text(tests.last.values)
    end
  end
  if reason(t) then parts[#parts + 1] = reason(t) end
  if t.run then parts[#parts + 1] = t.run.dir end
  parts[#parts + 1] = Clock.text(t:elapsed())
  return table.concat(parts, " | ")
end

local function test_object(r)
  return r and { epoch = r.epoch, values = r.values, confusion_matrix = r.matrix } or nil
end

-- The one object of --json, also summary.json in the run's directory.
function results.object(t, tests)
  local o = {
    run = t.run and t.run.dir, stop_reason = t.stop_reason, epochs = t.position.epoch,
    steps = t.position.step, seconds = t:elapsed(), monitor = t.tracker.monitor,
    classes = t:class_names(), fast_dev_run = t.opt.fast_dev_run or nil,
  }
  if t.best then
    o.best = Tracker.best_row(t.best)
    o.best_confusion_matrix = t.best.matrix
  end
  if tests then
    o.test = { best = test_object(tests.best), last = test_object(tests.last),
      current = test_object(tests.current) }
    local test = tests.best or tests.current
    o.confusion_matrix = test and test.matrix
  end
  return o
end

-- Prints the confusion matrix, the classes and the summary line, or the object with `as_json`.
function results.report(t, tests, as_json)
  local object = results.object(t, tests)
  if t.run then
    t.loggers:log_summary(object.best or {}, { stop_reason = object.stop_reason,
      timing = { wall = os.time(), elapsed = object.seconds } })
    t.run:write("summary.json", object)
  end
  t.loggers:tell_views()
  if as_json then
    io.stdout:write(json.encode(object), "\n")
    return object
  end
  local test = tests and (tests.best or tests.current)
  if test and test.matrix then
    io.stdout:write(tables.confusion(test.matrix, test.classes, tests.best and
      ("test images, best epoch (%d)"):format(test.epoch) or "test images"), "\n")
  end
  io.stdout:write(results.line(t, tests), "\n")
  io.stdout:flush()
  return object
end

return results
