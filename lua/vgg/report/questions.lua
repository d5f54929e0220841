-- The questions a reader of a run asks, answered in words from what lies on disk:
-- questions.answers(run) -> { { "question", "sentence", ... } ... }.
local numbers = require "vgg.report.numbers"
local Clock = require "vgg.train.clock"
local util = require "vgg.util"

local questions = {}

local function fixed(run) return run.config.fixed or {} end
local function flags(run) return run.config.flags or {} end

-- ---- the model ----

-- The layers' summary of the run's model, nil where it is none of vgg.models.
local function summary_of(run)
  local spec = fixed(run).model or {}
  if not spec.name then return nil end
  local ok, summary = pcall(function()
    local model = require("vgg.models").build(spec.name, spec.options)
    local optimizer = (fixed(run).optimizer or {}).name
    return require "vgg.summary"(model, { batch_size = flags(run).batch_size or 128,
      optimizer = ({ Adam = "Adam", AdamW = "AdamW", SGD = "SGD" })[optimizer] or "Adam",
      accumulate = flags(run).accumulate_grad_batches, budget = "16GiB", top = 3 })
  end)
  return ok and summary or nil
end

local function parameters(run, s)
  local n = s and s.parameters or (fixed(run).model or {}).parameters
  if not n then return { "Not recorded." } end
  local out = { ("%s has %s parameters."):format(s and s.model or fixed(run).model.name,
    util.count(n)) }
  if s and s.trained ~= n then
    out[2] = ("%s of them are trained."):format(util.count(s.trained))
  end
  return out
end

local unknown = "Not known: the model is none of vgg.models."

local function largest(s)
  if not s then return { unknown } end
  local parts = {}
  for i = 1, math.min(3, #s.by_params) do
    local l = s.by_params[i]
    parts[i] = ("%s (%s) with %s, %s of all"):format(l.name, l.what, util.count(l.params),
      numbers.percent(l.params / s.parameters))
  end
  local out = { table.concat(parts, "; ") .. "." }
  if #s.no_gradient > 0 then
    local n = 0
    for _, l in ipairs(s.no_gradient) do n = n + l.params end
    out[2] = ("%s parameters in %d layers get no gradient."):format(util.count(n), #s.no_gradient)
  end
  return out
end

local function operations(s)
  if not s then return { unknown } end
  return { ("%s multiply-accumulates an image (convolutions and matrix products), that is %.1f "
    .. "MFLOP forward; about three times as much for a training step."):format(util.count(s.macs),
    2 * s.macs / 1e6) }
end

local function memory(run, s)
  if not s then return { unknown } end
  local batch = flags(run).batch_size or 128
  return { ("%s at the peak of a step with batch %d and %s, of which %s are there between steps: "
    .. "parameters and the optimizer's state."):format(util.bytes(s.memory.peak), batch,
    s.optimizer, util.bytes(s.memory.fixed)) }
end

local function fitting(s)
  if not s then return { unknown } end
  if not s.largest_batch or s.largest_batch < 1 then return { "Not one image within 16 GiB." } end
  return { ("%s images within 16 GiB, by the same plan; vgglua summary RUN --budget answers for "
    .. "another size."):format(util.count(s.largest_batch)) }
end

-- ---- the course of the run ----

-- First, last and best value of a key with their epochs.
local function course(run, key, higher)
  local c
  for _, row in ipairs(run.epochs) do
    local v = row[key]
    if numbers.is_number(v) then
      c = c or { first = v, from = row.epoch, best = v, at = row.epoch, n = 0 }
      c.last, c.to, c.n = v, row.epoch, c.n + 1
      if (higher and v > c.best) or (not higher and v < c.best) then c.best, c.at = v, row.epoch end
    end
  end
  return c
end

local function trend(run, key, what, higher)
  local c = course(run, key, higher)
  if not c then return nil end
  if c.n == 1 then return ("%s: %s after one epoch."):format(what, numbers.text(c.last)) end
  local text = ("%s: from %s (epoch %d) to %s (epoch %d)"):format(what, numbers.text(c.first),
    c.from, numbers.text(c.last), c.to)
  if c.at == c.to then return text .. ", the last epoch being the best: still improving." end
  return text .. (", best %s in epoch %d: no improvement for %d epoch%s."):format(
    numbers.text(c.best), c.at, c.to - c.at, c.to - c.at == 1 and "" or "s")
end

local function learning_rate(run)
  local first, last = run.epochs[1], run:last()
  for key, v in pairs(last) do
    if key:match "^lr%-" and numbers.is_number(v) then
      local before = first[key]
      local name = key:match "^lr%-(.*)$"
      if before == v then return ("%s, learning rate %.3g throughout."):format(name, v) end
      return ("%s, learning rate from %.3g to %.3g."):format(name, before or 0 / 0, v)
    end
  end
  return "Learning rate: not recorded."
end

local function progress(run)
  local last, best = run:last(), run:best()
  local out = { learning_rate(run) }
  out[#out + 1] = ("Epochs: %d, the best by %s is epoch %d; %s."):format(last.epoch, run:monitor(),
    best.epoch, run:ending())
  local seconds = run:seconds()
  if seconds then
    out[#out + 1] = ("Time: %s, %s an epoch."):format(Clock.text(seconds),
      util.duration(seconds / math.max(1, #run.epochs)))
  end
  for _, t in ipairs { { "train/loss", "Training loss" }, { "val/loss", "Validation loss" },
    { "val/acc", "Validation accuracy", true } } do
    out[#out + 1] = trend(run, t[1], t[2], t[3])
  end
  return out
end

local function pictures(run)
  local out = {}
  local matrix, on = run:matrix()
  if matrix then out[1] = ("The confusion matrix above is that of the %s images."):format(on) end
  if run:table "samples" then
    out[#out + 1] = "The samples above show images with the names predicted for them; in red the "
      .. "wrong ones."
  end
  if run:file "augmentation.png" then
    out[#out + 1] = "The augmentation above shows one image of each class as the first epochs see "
      .. "it."
  end
  if #out == 0 then out[1] = "None were kept with this run." end
  return out
end

-- ---- what it came to ----

local function chance(run, out)
  local classes = run:classes()
  local matrix, on = run:matrix()
  if not (classes and matrix) then return end
  local n, right = numbers.totals(matrix)
  if n == 0 then return end
  local p, q = right / n, 1 / #classes
  local above = (p - q) / math.sqrt(q * (1 - q) / n)
  local words = above > 3 and ("%.1f times that"):format(p / q) or
    above < 1 and "no better" or "hardly better"
  out[#out + 1] = ("Random: %s would be guessing among %d classes; the run has %s on %s %s " ..
    "images (±%.1f points), %s."):format(numbers.percent(q), #classes, numbers.percent(p),
    util.count(n), on, 100 * numbers.two_errors(p, n), words)
end

local function mistakes(run, out)
  local matrix = run:matrix()
  if not matrix then return end
  local n, right = numbers.totals(matrix)
  local parts = {}
  for i, c in ipairs(numbers.confusions(matrix, run:classes(), 3)) do
    parts[i] = ("%s taken for %s (%d, %s of them)"):format(c.truth, c.predicted, c.n,
      numbers.percent(c.share))
  end
  if #parts == 0 then return end
  out[#out + 1] = ("Wrong: %s of %s, most often %s."):format(util.count(n - right), util.count(n),
    table.concat(parts, "; "))
end

local function fitting_words(run, out)
  local best = run:best()
  local train, val = best["train/acc"], best["val/acc"]
  if not (numbers.is_number(train) and numbers.is_number(val)) then return end
  local gap, loss = 100 * (train - val), course(run, "val/loss")
  local rising = loss and loss.to - loss.at >= 3
  local verdict = (gap > 10 or rising) and "over-fitting" or
    run:best() == run:last() and "not over-fitting yet, rather stopped too early" or
    "no clear over-fitting"
  out[#out + 1] = ("Fit: training accuracy %s against %s in validation (%s points) at the best " ..
    "epoch%s: %s."):format(numbers.percent(train), numbers.percent(val),
    numbers.signed(gap, "%.1f"),
    rising and ", validation loss rising since epoch " .. loss.at or "", verdict)
  out[#out + 1] = "The training figure is a mean over the epoch, while the weights change, on "
    .. "augmented images; it understates what the weights at its end would have on plain ones."
  if (run.summary.stop_reason or ""):match "^max_" and run:best() == run:last() then
    out[#out + 1] = ("The run ended by %s in its best epoch, so its end says nothing about where "
      .. "learning stops."):format(run.summary.stop_reason)
  end
end

local function tough(run, out)
  local matrix = run:matrix()
  if not matrix then return end
  local list = numbers.per_class(matrix, run:classes())
  table.sort(list, function(a, b)
    local x, y = a.recall == a.recall and a.recall or 2, b.recall == b.recall and b.recall or 2
    if x ~= y then return x < y end
    return a.name < b.name
  end)
  local parts = {}
  for i = 1, math.min(3, #list - 1) do
    parts[i] = ("%s (%s)"):format(list[i].name, numbers.percent(list[i].recall))
  end
  if #parts == 0 then return end
  local best = list[#list]
  out[#out + 1] = ("Tough: %s; easiest: %s (%s)."):format(table.concat(parts, ", "), best.name,
    numbers.percent(best.recall))
end

local function caveats(run, out)
  local data = fixed(run).data or {}
  local split = flags(run).data_split
  if data.val then
    out[#out + 1] = ("Validation images: %s. The best epoch was chosen on them, so figures named "
      .. "best/ flatter%s."):format(tostring(data.val):match "^(.-);" or data.val,
      split == "test" and " - and these are the test images, so the test flatters, too" or
      "; the test images played no part")
  end
  local test = run:test()
  if test and numbers.is_number(test["test/acc_macro"]) then
    local micro, macro = test["test/acc"], test["test/acc_macro"]
    out[#out + 1] = ("Accuracy counts every image alike; as the mean over classes (macro) it " ..
      "is %s%s"):format(numbers.percent(macro), math.abs(micro - macro) < 1e-9 and
      ", the same, as the classes are equally large." or ".")
  end
  local a, b = run.tests.best, run.tests.last
  if a and b then
    out[#out + 1] = ("Tested were the weights of the best epoch (%s) and the last ones (%s).")
      :format(numbers.percent(a["test/acc"]), numbers.percent(b["test/acc"]))
  elseif a then
    out[#out + 1] = "Tested were the weights of the best epoch."
  end
end

local function verdict(run)
  local out = {}
  chance(run, out)
  mistakes(run, out)
  fitting_words(run, out)
  tough(run, out)
  caveats(run, out)
  if #out == 0 then out[1] = "Nothing to judge by yet." end
  return out
end

-- Nothing is computed but what the plan of a training step needs (no memory).
function questions.answers(run)
  local s = summary_of(run)
  local list = {
    { "How many parameters are there?", parameters(run, s) },
    { "Which layers have the most?", largest(s) },
    { "How many operations does a forward pass take?", operations(s) },
    { "How much memory does training take at this batch size?", memory(run, s) },
    { "How many images fit?", fitting(s) },
    { "Learning rate, epochs, time: do loss and accuracy improve?", progress(run) },
    { "What do confusion matrix, samples and augmentation show?", pictures(run) },
    { "Better than random? What is wrong? Over- or under-fitted? What is tough?", verdict(run) },
  }
  for i, qa in ipairs(list) do list[i] = { qa[1], unpack(qa[2]) } end
  return list
end

return questions
