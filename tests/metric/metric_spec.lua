-- Metrics against torchmetrics (tests/parity/metric.json). Where torchmetrics is wrong (classes out
-- of range, NaN scores) our own rule is tested, and said so.
local core = require "vgg.core"
local metric = require "vgg.metric"
local stored = require "tests.support.stored"
local util = require "vgg.util"

local data = stored.load "metric"

local function i64(...) return core.tensor({ ... }, "int64") end

local function batches(case)
  local list = {}
  for i, pair in ipairs(case.batches) do
    list[i] = { stored.tensor(pair[1], pair[1].float and "float32" or "int64"),
      stored.tensor(pair[2], "int64") }
  end
  return list
end

-- "CalibrationError l1 15" -> kind and options
local function make(key, case)
  local kind, option, more = key:match "^(%S+) ?(%S*) ?(%S*)$"
  local o = { num_classes = case.num_classes }
  if type(case.ignore_index) == "number" then o.ignore_index = case.ignore_index end
  if kind == "CohenKappa" then
    o.weights = option
  elseif kind == "ConfusionMatrix" then
    o.normalize = option
  elseif kind == "CalibrationError" then
    o.norm, o.n_bins = option, tonumber(more)
  elseif option ~= "" then
    o.average = option
    if kind ~= "JaccardIndex" then o.top_k = case.top_k end
  end
  if kind == "FBetaScore" then o.beta = 0.5 end
  return metric["Multiclass" .. kind](o)
end

local function flat(v, out)
  if type(v) == "table" then
    for _, x in ipairs(v) do flat(x, out) end
  else
    out[#out + 1] = v
  end
  return out
end

local function differs(got, want)
  if type(got) == "userdata" then got = got:totable() end
  local a, b = flat(got, {}), flat(want, {})
  if #a ~= #b then return ("%d values, want %d"):format(#a, #b) end
  for i = 1, #a do
    local why = stored.far(a[i], b[i], 2e-6)
    if why then return ("value %d: %s"):format(i, why) end
  end
end

describe("metrics", function()
  local log, warnings = util.log, 0
  setup(function() util.log = function() warnings = warnings + 1 end end)
  teardown(function() util.log = log end)

  for _, case in ipairs(data.cases) do
    it("equal torchmetrics: " .. case.name, function()
      local fed, checked = batches(case), 0
      for key, want in pairs(case.want) do
        local m = make(key, case)
        for _, b in ipairs(fed) do m:update(b[1], b[2]) end
        local why = differs(m:compute(), want)
        assert.is_nil(why and key .. ": " .. why)
        checked = checked + 1
      end
      assert.is_true(checked >= 24)
    end)
  end

  it("accumulate, reset, merge, clone and restore exactly (M7)", function()
    local x, t = core.randn { 150, 10 }, core.randint(0, 10, { 150 })
    for _, make_one in ipairs {
      function() return metric.Accuracy { num_classes = 10 } end,
      function() return metric.CalibrationError { num_classes = 10 } end,
      function() return metric.Collection { a = metric.F1 { classes = 10 },
        k = metric.CohenKappa { classes = 10 } } end,
    } do
      local whole, parts, other = make_one(), make_one(), make_one()
      local function feed(m, from, count)
        m:update(x:narrow(1, from, count), t:narrow(1, from, count))
      end
      feed(whole, 1, 150)
      feed(parts, 1, 64)
      feed(parts, 65, 79)
      feed(other, 144, 7)
      parts:merge(other)
      assert.same(whole:compute(), parts:compute())
      local copy = parts:clone()
      assert.same(whole:compute(), copy:compute())
      local fresh = make_one()
      fresh:load_state(parts:state())
      assert.same(whole:state(), fresh:state())
      parts:reset()
      feed(parts, 1, 150)
      assert.same(whole:compute(), parts:compute())
      assert.same(whole:compute(), copy:compute())
    end
  end)

  it("count a collection's batch once for metrics with the same counts", function()
    local c = metric.Collection {
      acc = metric.Accuracy { num_classes = 3 }, f1 = metric.F1Score { num_classes = 3 },
      matrix = metric.ConfusionMatrix { num_classes = 3 },
      top2 = metric.Accuracy { num_classes = 3, top_k = 2 },
      micro = metric.Accuracy { num_classes = 3, average = "micro" },
    }
    assert.equal(2, #c.distinct)
    local x, t = core.randn { 20, 3 }, core.randint(0, 3, { 20 })
    c:update(x, t)
    local values = c:compute()
    for name, kind in pairs { acc = "Accuracy", f1 = "F1Score" } do
      local alone = metric[kind] { num_classes = 3 }
      alone:update(x, t)
      assert.equal(alone:compute(), values[name])
    end
    assert.equal(20, values.matrix:sum():item())
    assert.is_true(values.top2 >= values.acc)
  end)

  it("refuse classes out of range, where torchmetrics counts them elsewhere (M5)", function()
    local m = metric.Accuracy { num_classes = 3 }
    local function fails(text, ...)
      local args = { ... }
      assert.error_matches(function() m:update(unpack(args)) end, text)
    end
    fails("prediction 4 at position 2 is outside 0..2", i64(0, 4), i64(0, 1))
    fails("target 5 at position 1 is outside 0..2", i64(0, 1), i64(5, 1))
    fails("target %-1 at position 2 is outside 0..2", core.randn { 2, 3 }, i64(0, -1))
    fails("prediction %-1 at position 1", i64(-1), i64(0))
    fails("want scores N x 3 x ... and targets N x ..., got 2x4 and 2", core.randn { 2, 4 },
      i64(0, 1))
    fails("want labels of the targets' shape, got 3 and 2", i64(0, 1, 2), i64(0, 1))
    fails("targets are class numbers, int64, got float32", i64(0), core.tensor { 0 })
    assert.same({ 0, 0, 0, 0 }, m:state()[1]) -- nothing of a refused batch was counted
    local ignoring = metric.Accuracy { num_classes = 3, ignore_index = -1 }
    ignoring:update(i64(9, 1), i64(-1, 1)) -- the prediction of an ignored target is not looked at
    assert.equal(1, ignoring:compute())
    assert.error_matches(function()
      metric.Accuracy({ num_classes = 3, top_k = 2 }):update(i64(0), i64(0))
    end, "top_k 2 needs scores, got labels")
  end)

  it("count NaN scores as wrong, where torchmetrics takes them for class 0 (M6)", function()
    local nan = 0 / 0
    local x = core.tensor { { nan, nan, nan }, { 5, nan, 0 }, { 0, 5, 0 }, { 9, 0, 0 } }
    local t = i64(0, 0, 1, 0)
    local micro = metric.Accuracy { num_classes = 3, average = "micro" }
    micro:update(x, t)
    assert.equal(0.5, micro:compute())
    local each = metric.Accuracy { num_classes = 3, average = "none" }
    each:update(x, t)
    assert.is_nil(differs(each:compute(), { 1 / 3, 1, 0 }))
    local precision = metric.Precision { num_classes = 3, average = "none" }
    precision:update(x, t)
    assert.is_nil(differs(precision:compute(), { 1, 1, 0 })) -- NaN predicts no class
    local matrix = metric.ConfusionMatrix { num_classes = 3 }
    matrix:update(x, t)
    assert.same({ { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 0 } }, matrix:compute():totable())
    assert.same({ 2, 0, 0 }, matrix:nan_counts())
    local shares = metric.ConfusionMatrix { num_classes = 3, normalize = "true" }
    shares:update(x, t)
    assert.near(1 / 3, shares:compute():totable()[1][1], 1e-7)
    local top = metric.Accuracy { num_classes = 3, top_k = 3, average = "micro" }
    top:update(x, t)
    assert.equal(0.5, top:compute())
    local ece = metric.CalibrationError { num_classes = 3 }
    ece:update(x, t)
    assert.is_true(ece:compute() < 0.01) -- the two clean rows are sure and right
    local kappa = metric.CohenKappa { num_classes = 3 }
    kappa:update(x, t)
    assert.near(1 - 2 / (4 - (3 * 1 + 1 * 1) / 4), kappa:compute(), 1e-12)
  end)

  it("warn once of empty rows", function()
    warnings = 0
    local m = metric.ConfusionMatrix { num_classes = 3, normalize = "true" }
    m:update(i64(0, 1, 0, 0), i64(0, 0, 1, 1))
    assert.same({ { 0.5, 0.5, 0 }, { 1, 0, 0 }, { 0, 0, 0 } }, m:compute():totable())
    m:compute()
    assert.equal(1, warnings)
  end)

  it("take bfloat16 scores and uint8 labels", function()
    local x = core.randn { 30, 4 }
    local t = core.randint(0, 4, { 30 })
    local a, b = metric.Accuracy { num_classes = 4 }, metric.Accuracy { num_classes = 4 }
    a:update(x:to("bfloat16"):to("float32"), t)
    b:update(x:to("bfloat16"), t:to("uint8"))
    assert.equal(a:compute(), b:compute())
  end)

  it("keep their counts beyond the scope they were made in", function()
    local m = metric.Accuracy { num_classes = 2, average = "micro" }
    core.scope(function() m:update(i64(0, 1), i64(0, 1)) end)
    core.scope(function() m:update(i64(0, 1), i64(1, 1)) end)
    assert.equal(0.75, m:compute())
  end)

  it("say what is wrong with their options", function()
    local function fails(text, fn) assert.error_matches(fn, text) end
    fails("MulticlassAccuracy: option 'num_classes' is missing", function() metric.Accuracy {} end)
    fails("unknown option 'averge' %(did you mean 'average'%?%)",
      function() metric.Accuracy { num_classes = 2, averge = "micro" } end)
    fails("average must be one of macro, micro, weighted, none, got 'mean'",
      function() metric.Recall { num_classes = 2, average = "mean" } end)
    fails("num_classes must be a whole number >= 2, got 1",
      function() metric.F1 { num_classes = 1 } end)
    fails("top_k must be a whole number from 1 to 3, got 4",
      function() metric.Accuracy { num_classes = 3, top_k = 4 } end)
    fails("option 'beta' is missing", function() metric.FBetaScore { num_classes = 3 } end)
    fails("beta must be a number > 0", function() metric.FBetaScore { classes = 3, beta = 0 } end)
    fails("weights must be one of", function() metric.CohenKappa { classes = 3, weights = "x" } end)
    fails("norm must be one of l1, l2, max",
      function() metric.CalibrationError { classes = 3, norm = "l3" } end)
    fails("want scores N x 3, got 2x4",
      function()
        metric.CalibrationError({ classes = 3 }):update(core.randn { 2, 4 }, i64(0, 1))
      end)
    fails("merge wants another MulticlassAccuracy",
      function() metric.Accuracy({ classes = 3 }):merge(metric.F1 { classes = 3 }) end)
    assert.is_true(metric.Accuracy.higher_is_better)
    assert.is_false(metric.CalibrationError.higher_is_better)
    assert.is_nil(metric.ConfusionMatrix.higher_is_better)
  end)
end)

describe("Mean and Sum", function()
  it("weigh by batch size, as torchmetrics' MeanMetric (S3)", function()
    for _, case in ipairs(data.means) do
      local m = metric.Mean {}
      for i, v in ipairs(case.values) do m:update(v, case.weights[i]) end
      assert.is_nil(stored.far(m:compute(), case.want, 1e-6))
    end
    -- 200 records in batches of 64: the short last one counts less
    local loss, plain = metric.Mean {}, 0
    for i, n in ipairs { 64, 64, 64, 8 } do
      loss:update(i, n)
      plain = plain + i / 4
    end
    assert.near((64 + 128 + 192 + 32) / 200, loss:compute(), 1e-12)
    assert.is_true(math.abs(loss:compute() - plain) > 0.4)
  end)

  it("take tensors, merge, and let NaN through unless told not to", function()
    local m, other = metric.Sum {}, metric.Sum {}
    m:update(core.tensor { { 1, 2 }, { 3, 4 } })
    other:update(5)
    m:merge(other)
    assert.equal(15, m:compute())
    assert.equal(15, m:clone():compute())
    m:update(0 / 0)
    assert.is_true(m:compute() ~= m:compute())
    local careful = metric.Mean { nan = "ignore" }
    careful:update({ 1, 0 / 0, 3 }, 2)
    assert.equal(2, careful:compute())
    assert.is_true(metric.Mean({}):compute() ~= 0) -- nothing: 0 / 0
  end)
end)
