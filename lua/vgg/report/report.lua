-- A run's report as blocks: report.of(run, root). The order is that of a reader's questions.
local core = require "vgg.core"
local attacks = require "vgg.report.attacks"
local Clock = require "vgg.train.clock"
local figures = require "vgg.report.figures"
local json = require "vgg.json"
local numbers = require "vgg.report.numbers"
local questions = require "vgg.report.questions"
local util = require "vgg.util"

local report = {}

local function fixed(run) return run.config.fixed or {} end

local function scores(row, prefix)
  if not row then return "–" end
  local parts = {}
  for _, m in ipairs { { "acc", "accuracy" }, { "acc_macro", "macro" }, { "loss", "loss" } } do
    local v = row[prefix .. m[1]]
    if numbers.is_number(v) then parts[#parts + 1] = m[2] .. " " .. numbers.text(v) end
  end
  return table.concat(parts, ", ")
end

local function lead(run)
  local model, best = fixed(run).model or {}, run:best()
  local parts = { ("%s with %s parameters, %d epoch%s in %s."):format(model.name or "A model",
    model.parameters and util.count(model.parameters) or "?", run:last().epoch,
    run:last().epoch == 1 and "" or "s", Clock.text(run:seconds() or 0)) }
  parts[2] = ("Best epoch %d: validation %s."):format(best.epoch, scores(best, "val/"))
  local test, which = run:test()
  if test then
    parts[3] = ("Test of the %s weights: %s."):format(which, scores(test, "test/"))
  end
  return table.concat(parts, " ")
end

local function warnings(run, add)
  local data = tostring((fixed(run).data or {}).train or "")
  if data:find("synthetic", 1, true) then
    add { "warning", "the images are generated shapes, not CIFAR-10: the accuracies say nothing "
      .. "about photographs" }
  end
  if not run.finished then
    add { "warning", ("the run is not finished: %d epoch%s so far%s"):format(#run.epochs,
      #run.epochs == 1 and "" or "s", run:test() and "" or ", not tested") }
  end
  if (run.config.flags or {}).data_split == "test" then
    add { "warning", "the best epoch was chosen on the test images" }
  end
  if run.damaged > 0 then
    add { "warning", ("%d damaged line%s of metrics.jsonl left out"):format(run.damaged,
      run.damaged == 1 and "" or "s") }
  end
end

local function key_numbers(run)
  local best, last, rows = run:best(), run:last(), {}
  local function row(name, b, l)
    if numbers.is_number(b) or numbers.is_number(l) then
      rows[#rows + 1] = { name, numbers.text(b), numbers.text(l) }
    end
  end
  for _, stage in ipairs { "train", "val" } do
    for _, m in ipairs { "loss", "acc", "acc_macro" } do
      local key = stage .. "/" .. m
      row(key, best[key], last[key])
    end
  end
  local tests = run.tests
  local b, l = tests.best or tests.current or {}, tests.last or {}
  if not tests.last and best.epoch == last.epoch then l = b end
  for _, m in ipairs { "test/loss", "test/acc", "test/acc_macro" } do row(m, b[m], l[m]) end
  return { "table", rows = rows, columns = { "", { ("best epoch, %d"):format(best.epoch), "n" },
    { ("last epoch, %d"):format(last.epoch), "n" } } }
end

local function classes(run, add)
  local matrix, on = run:matrix()
  if not matrix then return end
  add { "heading", 2, "Confusion matrix" }
  local names, rows = run:classes() or {}, {}
  local columns = { "true \\ predicted" }
  for i, row in ipairs(matrix) do
    columns[i + 1] = { names[i] or tostring(i - 1), "n" }
    rows[i] = { names[i] or tostring(i - 1), unpack(row) }
  end
  add { "figure", figures.confusion_matrix(run, true),
    table = { "table", columns = columns, rows = rows } }
  rows = {}
  for i, c in ipairs(numbers.confusions(matrix, run:classes(), 10)) do
    rows[i] = { c.truth, c.predicted, util.count(c.n), numbers.percent(c.share) }
  end
  if #rows > 0 then
    add { "heading", 2, "Most confused" }
    add { "table", rows = rows, columns = { "true class", "predicted", { "images", "n" },
      { "of the class", "n" } } }
  end
  rows = {}
  for i, c in ipairs(numbers.per_class(matrix, run:classes())) do
    rows[i] = { c.name, util.count(c.n), numbers.percent(c.recall), numbers.percent(c.precision),
      numbers.text(c.f1) }
  end
  add { "heading", 2, ("Classes, %s images"):format(on) }
  add { "table", rows = rows, columns = { "class", { "images", "n" }, { "recall", "n" },
    { "precision", "n" }, { "F1", "n" } } }
end

local function samples(run, add)
  local t = run:table "samples"
  if not t then return end
  local list = {}
  for _, row in ipairs(t.rows) do
    local png = type(row[1]) == "table" and row[1].image and run:file(row[1].image)
    if png then
      local truth, guess = tostring(row[2]), tostring(row[3])
      list[#list + 1] = { image = png, wrong = truth ~= guess,
        caption = truth == guess and truth or guess .. "\nnot " .. truth }
    end
  end
  if #list == 0 then return end
  add { "heading", 2, "Samples" }
  add { "text", class = "note", "Validation images with what the best weights take them for; red: "
    .. "wrong." }
  add { "gallery", list }
end

local function other_tables(run, add)
  for _, name in ipairs(core.fs.list(run.dir .. "/tables") or {}) do
    local key = name:match "^(.*)%.json$"
    if key and key ~= "samples" and key ~= "adversaries" then
      local t = run:table(key)
      if t then
        add { "heading", 2, "Table " .. key }
        add(attacks.table(run, t))
      end
    end
  end
end

local most_picture_bytes = 500 * 1000

local function augmentation(run, add)
  local svg = run:file "augmentation.svg"
  if not svg or #svg > most_picture_bytes then return end
  add { "heading", 2, "Augmentation" }
  add { "svg", svg }
end

local function epochs(run)
  local keys = { "train/loss", "train/acc", "val/loss", "val/acc", "val/acc_macro" }
  local columns, rows = { { "epoch", "n" } }, {}
  for i, key in ipairs(keys) do columns[i + 1] = { key, "n" } end
  columns[#columns + 1] = { "time", "n" }
  local step = math.max(1, math.ceil(#run.epochs / 200))
  for i = 1, #run.epochs, step do
    local r = run.epochs[i]
    local row = { tostring(r.epoch) .. (r.best and " *" or "") }
    for k, key in ipairs(keys) do row[k + 1] = numbers.text(r[key]) end
    row[#row + 1] = r.timing and r.timing.seconds and util.duration(r.timing.seconds) or "–"
    rows[#rows + 1] = row
  end
  local all = { "table", columns = columns, rows = rows }
  return { "fold", "Every epoch (* the best so far)", { all } }
end

local function plain(v)
  if type(v) == "table" then return json.encode(v) end
  return type(v) == "number" and ("%.10g"):format(v) or tostring(v)
end

local function settings(run, add)
  local rows, c = {}, run.config
  for _, name in ipairs(util.keys(c.flags or {})) do
    rows[#rows + 1] = { "--" .. name:gsub("_", "-"), plain(c.flags[name]) }
  end
  add { "heading", 2, "Settings and surroundings" }
  local data = fixed(run).data or {}
  local facts = {
    { "vgglua", fixed(run).version or c.version }, { "machine", c.host }, { "device", c.device },
    { "precision", (fixed(run).trainer or {}).precision }, { "threads", c.threads },
    { "seed", (fixed(run).trainer or {}).seed }, { "started", c.started },
    { "training data", data.train or c.data }, { "validation data", data.val },
    { "directory", run.dir },
  }
  local shown = {}
  for _, f in ipairs(facts) do
    if f[2] ~= nil and f[2] ~= json.null then shown[#shown + 1] = { f[1], plain(f[2]) } end
  end
  add { "table", rows = shown, columns = { "", "" } }
  if c.command then add { "code", c.command } end
  if #rows > 0 then
    add { "fold", "All flags", { { "table", rows = rows, columns = { "flag", "value" } } } }
  end
end

-- Blocks about a training run, with the attacks on it found in `root`, or about an attack run.
function report.of(run, root)
  local blocks = {}
  local function add(b) blocks[#blocks + 1] = b end
  local function add_all(list) for _, b in ipairs(list) do add(b) end end
  add { "heading", 1, run.name }
  if run.config.kind == "attack" then
    add_all(attacks.blocks(run))
    settings(run, add)
    return blocks
  end
  add { "text", class = "lead", lead(run) }
  warnings(run, add)
  add { "heading", 2, "Learning curves" }
  add { "figure", figures.curves(run, true) }
  add(key_numbers(run))
  add(epochs(run))
  classes(run, add)
  samples(run, add)
  augmentation(run, add)
  add_all(attacks.blocks(run))
  for _, attack in ipairs(attacks.on(run, root)) do
    if core.fs.realpath(attack.dir) ~= core.fs.realpath(run.dir) then
      add_all(attacks.blocks(attack))
    end
  end
  other_tables(run, add)
  add { "heading", 2, "Questions" }
  add { "answers", questions.answers(run) }
  settings(run, add)
  return blocks
end

return report
