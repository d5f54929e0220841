-- Two or more runs side by side, the first being what the others are measured against:
-- compare.of(runs) -> { columns, rows, settings, classes, words, warnings } for every view.
local numbers = require "vgg.report.numbers"
local Clock = require "vgg.train.clock"
local json = require "vgg.json"
local util = require "vgg.util"

local compare = {}

-- Names that differ: the directory's name, else the path.
local function label(runs)
  local seen = {}
  for _, run in ipairs(runs) do seen[run.name] = (seen[run.name] or 0) + 1 end
  for _, run in ipairs(runs) do run.label = seen[run.name] > 1 and run.dir or run.name end
end

local function fixed(run) return run.config.fixed or {} end

-- ---- what is not the same ----

local function data_words(run, part)
  local text = (fixed(run).data or {})[part]
  return type(text) == "string" and text:match "^(.-);" or text
end

-- Pairs of a run with the first whose `get` differs.
local function differing(runs, get)
  local first, list = get(runs[1]), {}
  for i = 2, #runs do
    local other = get(runs[i])
    if first ~= nil and other ~= nil and first ~= other then
      list[#list + 1] = { run = runs[i], first = first, other = other }
    end
  end
  return list
end

local function tested_images(run)
  local matrix, on = run:matrix()
  return matrix and on == "test" and numbers.totals(matrix) or nil
end

local function class_words(run)
  local classes = run:classes()
  return classes and table.concat(classes, " ")
end

local function warnings_of(runs)
  local list = {}
  local function add(fmt, ...) list[#list + 1] = fmt:format(...) end
  local function each(get, what, effect)
    for _, d in ipairs(differing(runs, get)) do
      add("%s of '%s' and '%s' differ (%s; %s): %s", what, runs[1].label, d.run.label,
        tostring(d.first), tostring(d.other), effect)
    end
  end
  each(class_words, "classes", "the accuracies mean different things")
  each(function(r) return data_words(r, "val") end, "validation images",
    "validation numbers are not comparable")
  each(function(r) return data_words(r, "train") end, "training images",
    "part of any difference comes from the data")
  each(function(r) return (fixed(r).flags or {}).data_split end, "data splits",
    "validation numbers are not comparable")
  each(tested_images, "numbers of test images", "test numbers are not comparable")
  for _, run in ipairs(runs) do
    if not run.finished then
      add("'%s' is not finished: %d epoch%s so far%s", run.label, #run.epochs,
        #run.epochs == 1 and "" or "s", run:test() and "" or ", not tested")
    end
    if run.damaged > 0 then
      add("'%s': %d damaged line%s of metrics.jsonl left out", run.label, run.damaged,
        run.damaged == 1 and "" or "s")
    end
  end
  return list
end

-- ---- the table ----

local function row(name, runs, get, o)
  o = o or {}
  local r = { name = name, values = {}, text = {}, delta = {}, better = {} }
  local any = false
  for i, run in ipairs(runs) do
    local v = get(run)
    any = any or v ~= nil
    if type(v) == "number" and not numbers.is_number(v) then v = nil end
    r.values[i] = v == nil and json.null or v
    r.text[i] = v == nil and "–" or o.text and o.text(v) or tostring(v)
    local first = r.values[1]
    if i > 1 and o.delta and type(v) == "number" and type(first) == "number" then
      r.delta[i] = o.delta(v, first)
      if o.higher ~= nil and v ~= first then r.better[i] = (v > first) == o.higher end
    end
  end
  return any and r or nil
end

local function difference(v, first) return numbers.signed(v - first) end
local function share(v, first)
  if first == 0 then return nil end
  return numbers.signed(100 * (v / first - 1), "%.0f") .. " %"
end

local higher = { text = numbers.text, delta = difference, higher = true }
local lower = { text = numbers.text, delta = difference, higher = false }

-- The last epoch that all runs have a validation of.
local function common_epoch(runs)
  local least
  for _, run in ipairs(runs) do
    local e = run:last().epoch
    least = math.min(least or e, e)
  end
  return least
end

local function at_epoch(run, epoch, key)
  for _, r in ipairs(run.epochs) do if r.epoch == epoch then return r[key] end end
end

local function rows_of(runs)
  local rows = {}
  local function add(...) rows[#rows + 1] = row(...) end
  local function best(key) return function(run) return run:best()[key] end end
  local function test(key) return function(run) return (run:test() or {})["test/" .. key] end end
  add("best epoch", runs, function(run)
    return ("%d of %d"):format(run:best().epoch, run:last().epoch)
  end)
  add("val acc", runs, best "val/acc", higher)
  add("val acc (macro)", runs, best "val/acc_macro", higher)
  add("val loss", runs, best "val/loss", lower)
  add("train acc, same epoch", runs, best "train/acc", higher)
  add("train loss, same epoch", runs, best "train/loss", lower)
  local epoch = common_epoch(runs)
  add(("val acc at epoch %d"):format(epoch), runs, function(run)
    return at_epoch(run, epoch, "val/acc")
  end, higher)
  add("test acc", runs, test "acc", higher)
  add("test acc (macro)", runs, test "acc_macro", higher)
  add("test loss", runs, test "loss", lower)
  add("wall time", runs, function(run) return run:seconds() end,
    { text = Clock.text, delta = share })
  add("an epoch", runs, function(run)
    local sum, n = 0, 0
    for _, r in ipairs(run.epochs) do
      if (r.timing or {}).seconds and not r.partial then sum, n = sum + r.timing.seconds, n + 1 end
    end
    return n > 0 and sum / n or nil
  end, { text = util.duration, delta = share })
  add("model", runs, function(run) return (fixed(run).model or {}).name end)
  add("parameters", runs, function(run) return (fixed(run).model or {}).parameters end,
    { text = util.count })
  add("ended", runs, function(run) return run:ending() end)
  return rows
end

-- Flags that are not the same everywhere.
local boring = { run_name = true, runs_dir = true, resume = true, overwrite = true, json = true,
  quiet = true, logger = true, threads = true, pictures = true }

local function setting(v)
  if v == nil or v == json.null then return "–" end
  if type(v) == "table" then return json.encode(v) end
  return type(v) == "number" and ("%.10g"):format(v) or tostring(v)
end

local function settings_of(runs)
  local names, list = {}, {}
  for _, run in ipairs(runs) do
    for name in pairs(run.config.flags or {}) do
      if type(name) == "string" and not boring[name] then names[name] = true end
    end
  end
  for _, name in ipairs(util.keys(names)) do
    local texts, same = {}, true
    for i, run in ipairs(runs) do
      texts[i] = setting((run.config.flags or {})[name])
      same = same and texts[i] == texts[1]
    end
    if not same then list[#list + 1] = { name = "--" .. name:gsub("_", "-"), text = texts } end
  end
  return list
end

-- Recall of each class in every run; nil where the classes differ or there is no matrix.
local function classes_of(runs)
  local list, on = {}, nil
  for i, run in ipairs(runs) do
    local matrix, where = run:matrix()
    if not matrix or (on and on ~= where) or class_words(run) ~= class_words(runs[1]) then
      return nil
    end
    on = where
    for k, class in ipairs(numbers.per_class(matrix, run:classes())) do
      list[k] = list[k] or { name = class.name, n = class.n, recall = {}, delta = {}, better = {} }
      local r = list[k].recall
      r[i] = class.recall
      if i > 1 then
        list[k].delta[i] = numbers.signed(100 * (r[i] - r[1]), "%.1f")
        if r[i] ~= r[1] then list[k].better[i] = r[i] > r[1] end
      end
    end
  end
  return list, on
end

-- ---- sentences ----

local function sentence(first, run)
  if class_words(first) ~= class_words(run) then
    return ("'%s' and '%s' know other classes; their numbers only stand side by side."):format(
      first.label, run.label)
  end
  local a, b = first:test() or {}, run:test() or {}
  local key, what = "test/acc", "test accuracy"
  local n, n_first = tested_images(run), tested_images(first)
  if not (a[key] and b[key]) then
    local matrix, other = run.summary.best_confusion_matrix, first.summary.best_confusion_matrix
    a, b, key, what = first:best(), run:best(), "val/acc", "best validation accuracy"
    n, n_first = matrix and numbers.totals(matrix), other and numbers.totals(other)
  end
  if not (numbers.is_number(a[key]) and numbers.is_number(b[key])) then return nil end
  local d = b[key] - a[key]
  local text = ("'%s' is %.1f points %s '%s' in %s (%s against %s)"):format(run.label,
    math.abs(100 * d), d < 0 and "behind" or "ahead of", first.label, what, numbers.percent(b[key]),
    numbers.percent(a[key]))
  if d == 0 then text = ("'%s' and '%s' have the same %s"):format(run.label, first.label, what) end
  if n and n_first then
    local error2 = math.sqrt(numbers.two_errors(a[key], n_first) ^ 2 +
      numbers.two_errors(b[key], n) ^ 2)
    text = text .. (math.abs(d) <= error2 and "; less than %s images can tell (±%.1f points)" or
      "; more than chance on %s images (±%.1f points)"):format(util.count(n), 100 * error2)
  end
  return text .. "."
end

-- When a run first has the other's best validation accuracy.
local function catches_up(first, run)
  local want = first:best()["val/acc"]
  if class_words(first) ~= class_words(run) or not numbers.is_number(want) then return nil end
  for _, r in ipairs(run.epochs) do
    if numbers.is_number(r["val/acc"]) and r["val/acc"] >= want then
      return ("It reaches the other's best validation accuracy (%s, epoch %d) in epoch %d."):format(
        numbers.text(want), first:best().epoch, r.epoch)
    end
  end
  return ("It does not reach the other's best validation accuracy (%s)."):format(numbers.text(want))
end

local function extremes(list, i)
  local up, down
  for _, c in ipairs(list or {}) do
    local d = numbers.is_number(c.recall[i] - c.recall[1]) and c.recall[i] - c.recall[1]
    if d and (not up or d > up.recall[i] - up.recall[1]) then up = c end
    if d and (not down or d < down.recall[i] - down.recall[1]) then down = c end
  end
  local parts = {}
  if up and up.better[i] then parts[1] = ("most gained: %s (%s)"):format(up.name, up.delta[i]) end
  if down and down.better[i] == false then
    parts[#parts + 1] = ("most lost: %s (%s)"):format(down.name, down.delta[i])
  end
  if #parts == 0 then return nil end
  return "Classes, points of recall; " .. table.concat(parts, ", ") .. "."
end

-- runs: of report.run, two or more.
function compare.of(runs)
  label(runs)
  local c = { runs = runs, rows = rows_of(runs), settings = settings_of(runs),
    warnings = warnings_of(runs), words = {} }
  c.classes, c.classes_on = classes_of(runs)
  for i = 2, #runs do
    local parts = {}
    for _, text in ipairs { sentence(runs[1], runs[i]) or false, catches_up(runs[1], runs[i]) or
      false, extremes(c.classes, i) or false } do
      if text then parts[#parts + 1] = text end
    end
    c.words[#c.words + 1] = table.concat(parts, " ")
  end
  return c
end

return compare
