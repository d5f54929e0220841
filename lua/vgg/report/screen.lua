-- A run as one screen of the terminal: where it stands, its curves, its last numbers.
local Clock = require "vgg.train.clock"
local numbers = require "vgg.report.numbers"
local textplot = require "vgg.report.textplot"
local util = require "vgg.util"

local function whole(v) return type(v) == "number" and v == v and v < 1e9 and v or nil end

-- "epoch 3 of 60, step 1056, 47:16, all epochs done"
local function standing(run)
  local parts, last, step = {}, run:last(), run.steps[#run.steps]
  local limit = whole(run.config.max_epochs)
  parts[1] = ("epoch %d%s"):format(last and last.epoch or 0, limit and " of " .. limit or "")
  local at = math.max(last and last.step or 0, step and step.step or 0)
  if at > 0 then parts[2] = "step " .. util.count(at) end
  local elapsed = run.finished and run:seconds() or
    math.max(((last or {}).timing or {}).elapsed or 0, ((step or {}).timing or {}).elapsed or 0)
  if elapsed and elapsed > 0 then parts[#parts + 1] = Clock.text(elapsed) end
  if run.finished then parts[#parts + 1] = run:ending() end
  return table.concat(parts, ", ")
end

local function panels(run, o)
  local list = {}
  for _, m in ipairs { { "loss", "loss" }, { "acc", "accuracy" } } do
    local series = {}
    local function add(name, colour, sign, x, y)
      if x then
        series[#series + 1] = { name = name, colour = colour, sign = sign, x = x, y = y }
      end
    end
    if m[1] == "loss" then add("steps", "dim", ".", run:step_loss()) end
    add("train", "yellow", "o", run:series("train/" .. m[1]))
    add("val", "cyan", "*", run:series("val/" .. m[1]))
    local steps = m[1] == "loss" and series[1] and series[1].name == "steps"
    if #series > 0 then
      list[#list + 1] = { title = m[2], series = series, colour = o.colour, utf8 = o.utf8,
        xlim = steps and { 0, math.max(1, run:last() and run:last().epoch or 1,
          series[1].x[#series[1].x]) } or nil }
    end
  end
  return list
end

local function test_text(run)
  local test, which = run:test()
  if not test then return "" end
  return ("   test (%s): %s"):format(which, numbers.text(test["test/acc"]))
end

local function last_line(run)
  local last, parts = run:last(), {}
  if not last then return "no complete epoch yet" end
  for _, key in ipairs { "train/loss", "train/acc", "val/loss", "val/acc" } do
    if numbers.is_number(last[key]) then
      parts[#parts + 1] = key .. " " .. numbers.text(last[key])
    end
  end
  local best = run:best()
  return ("epoch %d: %s   best: epoch %d, %s %s"):format(last.epoch, table.concat(parts, " "),
    best.epoch, run:monitor(), numbers.text(best[run:monitor()]))
end

-- Lines of the screen; options: width, height, colour, utf8.
return function(run, o)
  local lines = { util.paint("bold", run.name, o.colour) .. "  " .. standing(run), "" }
  local list = panels(run, o)
  local wide = o.width >= 96 and #list > 1
  local rows = o.height - 4
  for _, p in ipairs(list) do
    p.width = wide and math.floor((o.width - 3) / 2) or o.width - 1
    p.height = math.max(6, math.min(24, wide and rows or math.floor(rows / #list)))
  end
  if wide then
    local a, b = textplot(list[1]), textplot(list[2])
    for i = 1, #a do lines[#lines + 1] = a[i] .. "  " .. b[i] end
  else
    for _, p in ipairs(list) do
      for _, line in ipairs(textplot(p)) do lines[#lines + 1] = line end
    end
  end
  if #list == 0 then lines[#lines + 1] = "waiting for the first numbers" end
  local whole_line = last_line(run) .. test_text(run)
  if #whole_line >= o.width then -- two lines rather than one that wraps
    lines[#lines + 1] = last_line(run):match "^(.-)   best" or last_line(run):sub(1, o.width - 1)
    whole_line = (last_line(run):match "   (best.*)$" or "") .. test_text(run)
  end
  lines[#lines + 1] = whole_line:sub(1, o.width - 1)
  return lines
end
