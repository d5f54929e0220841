-- Adversarial attacks in reports: the runs of adv_attacks.lua that belong to a training run.
local core = require "vgg.core"
local numbers = require "vgg.report.numbers"
local reader = require "vgg.report.run"
local util = require "vgg.util"

local attacks = {}

-- Whether a checkpoint's path, as it was given to the attack, lies in a run's directory. A relative
-- path may have been seen from elsewhere; then the directory's name decides.
local function lies_in(path, run)
  local dir = path:match "^(.*)/[^/]*$" or "."
  local real = core.fs.realpath(dir)
  if real then return real == core.fs.realpath(run.dir) end
  return path:sub(1, 1) ~= "/" and util.basename(dir) == util.basename(run.dir)
end

-- Attack runs in `root` on checkpoints of a training run.
function attacks.on(run, root)
  local list = {}
  for _, name in ipairs(core.fs.list(root) or {}) do
    local dir = root .. "/" .. name
    local found = core.fs.exists(dir .. "/tables/adversaries.json") and reader.at(dir)
    local checkpoint = found and found.config.kind == "attack" and found.config.checkpoint
    if type(checkpoint) == "string" and lies_in(checkpoint, run) then list[#list + 1] = found end
  end
  return list
end

local most_rows = 60

-- Columns worth showing, in the order of the table, with what stands above them.
local shown = { { "source_image", "source" }, { "gt_class", "class" }, { "target_class", "target" },
  { "adversary", "adversary" }, { "diff", "difference" }, { "target_prob", "p(target)" },
  { "success", "success" }, { "predicted_class", "predicted" }, { "iterations", "steps" },
  { "l2", "L2" }, { "linf", "Linf" }, { "target_prob_8bit", "p, 8 bits" } }

local function cell_of(run, value, name, lead)
  if type(value) == "table" and value.image then
    local png = run:file(value.image)
    return png and { image = png, alt = value.caption or name,
      note = name == "diff" and value.caption or nil } or "missing"
  end
  if type(value) == "number" then
    if name == "iterations" then return util.count(value) end
    return numbers.text(value, name:match "^target_prob" and "%.3f" or "%.4f")
  end
  if type(value) == "boolean" then
    local text = value and "yes" or "no"
    return lead and { text, value and "good" or "bad" } or text
  end
  return value == require("vgg.json").null and "" or tostring(value)
end

-- A logged table as a block of a report; `names` picks and names columns.
function attacks.table(run, t, names)
  local at = {}
  for k, name in ipairs(t.columns) do at[name] = k end
  local columns, picked, rows = {}, {}, {}
  for _, pair in ipairs(names or {}) do
    local k = at[pair[1]]
    if k then
      local first = t.rows[1] and t.rows[1][k]
      columns[#columns + 1] = { pair[2], type(first) == "number" and "n" or nil }
      picked[#picked + 1] = k
    end
  end
  if not names then
    for k, name in ipairs(t.columns) do columns[k], picked[k] = name, k end
  end
  for i = 1, math.min(#t.rows, most_rows) do
    rows[i] = {}
    for j, k in ipairs(picked) do
      rows[i][j] = cell_of(run, t.rows[i][k], t.columns[k], t.columns[k] == "success")
    end
  end
  return { "table", columns = columns, rows = rows }
end

local function words(run)
  local s, f = run.summary, run.config.flags or {}
  local out = {}
  if numbers.is_number(s.success_rate) then
    out[1] = ("%s of the attacks on images of class '%s' reach their target, with a median L2 " ..
      "distance of %s, a largest pixel change of %s of 1 and %s steps."):format(
      numbers.percent(s.success_rate), tostring(s.source_class), numbers.text(s.median_l2, "%.3f"),
      numbers.text(s.median_linf, "%.4f"), numbers.text(s.median_iterations, "%.0f"))
  end
  out[#out + 1] = ("Settings: objective %s, learning rate %s, at most %s steps, until p > %s, %s "
    .. "images of %s."):format(tostring(f.objective), tostring(f.lr), tostring(f.max_iter),
    tostring(f.prob_threshold), tostring(f.n_samples), tostring(run.config.set or "the data"))
  return table.concat(out, " ")
end

-- Blocks about one attack run.
function attacks.blocks(run)
  local t = run:table "adversaries"
  if not t then return {} end
  local blocks = { { "heading", 2, "Adversarial attack: " .. run.name }, { "text", words(run) } }
  local targets, rows = run.summary.targets, {}
  for _, name in ipairs(util.keys(type(targets) == "table" and targets or {})) do
    local g = targets[name]
    rows[#rows + 1] = { name, ("%d of %d"):format(g.success or 0, g.rows or 0),
      numbers.text(g.mean_p, "%.3f") }
  end
  if #rows > 0 then
    blocks[#blocks + 1] = { "table", columns = { "target", { "success", "n" }, { "mean p", "n" } },
      rows = rows }
  end
  blocks[#blocks + 1] = attacks.table(run, t, shown)
  if #t.rows > most_rows then
    blocks[#blocks + 1] = { "text", class = "note", ("%d of %d rows are shown."):format(most_rows,
      #t.rows) }
  end
  blocks[#blocks + 1] = { "text", class = "note", "Differences are enlarged row by row, as their "
    .. "captions say; grey is no difference. Rows against the images' own class are not counted." }
  return blocks
end

return attacks
