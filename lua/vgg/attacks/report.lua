-- report(grid): the table `adversaries` for the loggers, table and sheet in the run's directory,
-- the summary on stdout and warnings on stderr.
local core = require "vgg.core"
local json = require "vgg.json"
local log = require "vgg.log"
local sheet = require "vgg.attacks.sheet"
local summary = require "vgg.attacks.summary"
local util = require "vgg.util"

local columns = { "source_image", "gt_class", "target_class", "adversary", "diff", "target_prob",
  "success", "predicted_class", "clean_prediction", "iterations", "l2", "linf",
  "target_prob_8bit", "sample_index", "counted" }

local is_picture = { source_image = true, adversary = true, diff = true }

local function image(tensor, caption)
  return log.Image(tensor:clone():keep(), { caption = caption })
end

-- Cells of row i; pictures only for the loggers.
local function row_of(grid, i, pictures)
  local classes = grid.session.classes
  local source, adversary, difference = "", "", ""
  if pictures then
    local x, y, d, factor = sheet.row(grid, i)
    source, adversary = image(x, classes[grid.source + 1]), image(y:clamp(0, 1),
      classes[grid.targets[i] + 1])
    difference = image(d, sheet.factor_text(factor))
  end
  return { source, classes[grid.source + 1], classes[grid.targets[i] + 1], adversary, difference,
    grid.prob[i], grid.success[i], classes[grid.predicted[i] + 1],
    classes[grid.clean_predicted[i] + 1], grid.iterations[i], grid.l2[i], grid.linf[i],
    grid.prob_8bit[i], grid.session.victims.positions[grid.samples[i]], summary.counted(grid, i) }
end

local function csv_cell(value)
  local text = type(value) == "number" and ("%.9g"):format(value) or tostring(value)
  return text:find '[",\n]' and '"' .. text:gsub('"', '""') .. '"' or text
end

-- The table without its pictures.
local function csv(grid)
  local kept, lines = {}, {}
  for k, name in ipairs(columns) do
    if not is_picture[name] then kept[#kept + 1] = k end
  end
  local head = {}
  for i, k in ipairs(kept) do head[i] = columns[k] end
  lines[1] = table.concat(head, ",")
  for i = 1, grid.count do
    local row, cells = row_of(grid, i, false), {}
    for j, k in ipairs(kept) do cells[j] = csv_cell(row[k]) end
    lines[#lines + 1] = table.concat(cells, ",")
  end
  return table.concat(lines, "\n") .. "\n"
end

local function must(ok, why)
  if not ok then util.fail("data", "%s", why) end
end

local function tell_loggers(grid, sums)
  local s = grid.session
  local loggers = log.open(s.opt.logger, s.run, { experiment = arg and arg[0], flags = s.opt,
    config = s.config, classes = s.classes })
  loggers:log_config(s.config)
  core.scope(function()
    local rows = {}
    for i = 1, grid.count do rows[i] = row_of(grid, i, true) end
    loggers:log_table { key = "adversaries", columns = columns, rows = rows }
  end)
  loggers:log_images { key = "adversaries_sheet", images = { log.Image(grid.figure,
    { caption = tostring(grid.attack) }) } }
  loggers:log_summary({ ["attack/success"] = sums.all.rate, ["attack/l2"] = sums.all.l2,
    ["attack/linf"] = sums.all.linf, ["attack/iterations"] = sums.all.iterations })
  loggers:tell_views()
  loggers:close { status = grid.interrupted and "interrupted" or "finished",
    code = grid.interrupted and util.exit_codes[grid.interrupted] or 0 }
end

local function group_line(name, g, note)
  return ("%-12s %4d/%-4d %6.1f %%   %10.3f %11g %9.4f %9.4f%s"):format(name, g.success, g.rows,
    100 * g.rate, g.p, g.iterations, g.l2, g.linf, note or "")
end

local function text_of(grid, sums)
  local classes, lines = grid.session.classes, {}
  lines[1] = ("%-12s %9s %8s   %10s %11s %9s %9s   (medians)"):format("target", "success", "rate",
    "mean p", "iterations", "L2", "Linf")
  for class, g in ipairs(sums.by_target) do
    lines[#lines + 1] = group_line(classes[class], g,
      class - 1 == grid.source and "   the images' own class, not counted" or "")
  end
  lines[#lines + 1] = group_line("all counted", sums.all)
  local all = sums.all
  lines[#lines + 1] = ("%d of %d above p = %g; %d of %d successes survive rounding to 8 bits; "
    .. "%.1f s"):format(all.confident, all.rows, grid.attack.threshold or 0.5,
    all.success - all.lost, all.success, grid.seconds)
  return table.concat(lines, "\n")
end

local function plain(grid, sums)
  local out = { run = grid.session.run.dir, source_class = grid.session.classes[grid.source + 1],
    samples = grid.session.victims.positions, method = grid.method, seconds = grid.seconds,
    success_rate = sums.all.rate, median_l2 = sums.all.l2, median_linf = sums.all.linf,
    median_iterations = sums.all.iterations, rows = grid.count, interrupted = grid.interrupted,
    targets = {} }
  for class, g in ipairs(sums.by_target) do
    out.targets[grid.session.classes[class]] = { success = g.success, rows = g.rows, mean_p = g.p }
  end
  return out
end

local function histories(grid)
  local rows = {}
  for i = 1, grid.count do
    rows[i] = { sample_index = grid.session.victims.positions[grid.samples[i]],
      target = grid.targets[i], history = grid.history[i] }
  end
  return rows
end

return function(grid)
  local s, sums = grid.session, summary.of(grid)
  local title = ("%s -> every class: %d of %d succeed"):format(s.classes[grid.source + 1],
    sums.all.success, sums.all.rows)
  grid.figure = sheet.figure(grid, title, tostring(grid.attack) .. "; grey = no difference")
  must(core.fs.write(s.run:path "adversaries.png", grid.figure:png(), "sheet"))
  must(core.fs.write(s.run:path "adversaries.csv", csv(grid), "table"))
  must(core.fs.write(s.run:path "histories.json", json.encode(histories(grid)) .. "\n", "history"))
  s.run:write("config.json", s.config)
  s.run:write("summary.json", plain(grid, sums))
  tell_loggers(grid, sums)
  print(s.opt.json and json.encode(plain(grid, sums)) or text_of(grid, sums))
  for _, text in ipairs(summary.warnings(grid)) do util.log("warn", "%s", text) end
  util.log("note", "table %s, %s; sheet %s", s.run:path "adversaries.csv",
    s.run:path "tables/adversaries.json", s.run:path "adversaries.png")
  if grid.interrupted then
    util.fail(grid.interrupted, "%s: the table shows how far each attack came", grid.interrupted)
  end
  return sums
end
