-- The pictures of runs: learning curves of one or several, and a run's confusion matrix.
local plot = require "vgg.plot"
local theme = require "vgg.plot.theme"

local figures = {}

local metrics = { { "loss", "loss", "cross-entropy, mean over images" },
  { "acc", "accuracy", "share of images that are right" } }

local function shorter(v)
  return ("%.4f"):format(v)
end

-- A ring at the best epoch, on the curve of the metric that chose it.
local function mark_of(run, key, with_text)
  local best = run:best()
  local v = best and best[key]
  if not v or not key:match "^val/" and run:monitor() ~= key then return nil end
  with_text = with_text and run:monitor() == key
  return { { x = best.epoch, y = v,
    text = with_text and ("best epoch %d: %s"):format(best.epoch, shorter(v)) or nil } }
end

local function panel(series, title, ylabel, xlim)
  if #series == 0 then return nil end
  return plot.curves { title = title, ylabel = ylabel, xlabel = "epoch", series = series,
    width = 560, height = 380, xlim = xlim, xwhole = true }
end

-- `bare` figures have no title, for places that give them one.
local function join(panels, o, bare)
  if bare then o.title = nil end
  if #panels == 0 then panels[1] = plot.curves { title = "no complete epoch", series = {} } end
  return plot.panels { columns = 2, title = o.title, note = o.note, unpack(panels) }
end

-- Loss and accuracy of one run; validation drawn solid, training dashed, single steps faint.
function figures.curves(run, bare)
  local panels = {}
  for _, m in ipairs(metrics) do
    local series = {}
    local function add(key, colour, dash)
      local x, y = run:series(key)
      if x then
        series[#series + 1] = { name = key, x = x, y = y, dash = dash, colour = colour,
          mark = mark_of(run, key, true) }
      end
    end
    if m[1] == "loss" then
      local x, y = run:step_loss()
      if x then
        series[1] = { name = "train/loss of single steps", x = x, y = y, faint = true,
          dots = false, colour = "series2" }
      end
    end
    add("train/" .. m[1], "series2", true)
    add("val/" .. m[1], "series1")
    panels[#panels + 1] = panel(series, m[2], m[3], series[1] and series[1].faint and
      { 0, run:last().epoch })
  end
  return join(panels, { title = ("Learning curves of %s"):format(run.name) }, bare)
end

-- The same for several runs, a colour each.
function figures.compare(runs, bare)
  local panels, few = {}, #runs <= 4
  for _, m in ipairs(metrics) do
    local series = {}
    for i, run in ipairs(runs) do
      local colour = theme.series_role(i)
      local x, y = run:series("val/" .. m[1])
      if x then
        series[#series + 1] = { name = run.label .. (few and ", validation" or ""), x = x, y = y,
          colour = colour, mark = mark_of(run, "val/" .. m[1], few) }
      end
      x, y = run:series("train/" .. m[1])
      if x and few then
        series[#series + 1] = { name = run.label .. ", training", x = x, y = y, dash = true,
          colour = colour, mark = mark_of(run, "train/" .. m[1], few) }
      end
    end
    panels[#panels + 1] = panel(series, m[2], m[3])
  end
  return join(panels, { title = "Learning curves" }, bare)
end

-- nil for a run without one.
function figures.confusion_matrix(run, bare)
  local matrix, on = run:matrix()
  if not matrix then return nil end
  local row = on == "test" and run:test()
  local epoch = row and row.epoch or (run:best() or {}).epoch
  return plot.confusion_matrix { matrix = matrix, classes = run:classes(),
    title = not bare and ("Confusion matrix of %s, %s images, epoch %s"):format(run.name, on,
      epoch and tostring(epoch) or "?") or ("%s images, epoch %s"):format(on,
      epoch and tostring(epoch) or "?") }
end

return figures
