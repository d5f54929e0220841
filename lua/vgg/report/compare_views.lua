-- A comparison as text for the terminal, Markdown, HTML and a table for JSON.
local core = require "vgg.core"
local document = require "vgg.report.document"
local figures = require "vgg.report.figures"
local font = require "vgg.plot.font"
local numbers = require "vgg.report.numbers"
local util = require "vgg.util"

local views = {}

-- The three tables as { title, columns, rows }; cells are text or { text, "good" | "bad",
-- value =, delta = }.
local function tables_of(c)
  local list = {}
  local function columns(first)
    local names = { first }
    for i, run in ipairs(c.runs) do names[i + 1] = { run.label, "n" } end
    return names
  end
  local function cell(text, delta, better)
    local tone
    if better ~= nil then tone = better and "good" or "bad" end
    return { delta and ("%s (%s)"):format(text, delta) or text, tone, value = text, delta = delta }
  end
  local rows = {}
  for k, r in ipairs(c.rows) do
    rows[k] = { r.name }
    for i = 1, #c.runs do rows[k][i + 1] = cell(r.text[i], r.delta[i], r.better[i]) end
  end
  list[1] = { title = "Numbers", columns = columns "", rows = rows }
  if #c.settings > 0 then
    rows = {}
    for k, s in ipairs(c.settings) do rows[k] = { s.name, unpack(s.text) } end
    list[#list + 1] = { title = "Settings that differ", columns = columns "flag", rows = rows }
  end
  if c.classes then
    rows = {}
    for k, class in ipairs(c.classes) do
      rows[k] = { class.name }
      for i = 1, #c.runs do
        rows[k][i + 1] = cell(numbers.percent(class.recall[i]), class.delta[i], class.better[i])
      end
    end
    list[#list + 1] = { title = ("Recall of each class, %s images"):format(c.classes_on),
      columns = columns "class", rows = rows }
  end
  return list
end

-- ---- terminal ----

local function length(text) return #font.characters(text) end

-- Text of a cell: its value and, apart, its difference.
local function halves(cell)
  if type(cell) ~= "table" then return cell or "", nil end
  return cell.value or cell[1], cell.delta and "(" .. cell.delta .. ")"
end

-- Columns of values to the right, their differences behind them to the left.
local function text_table(t, colour)
  local widths, behind, lines = {}, {}, {}
  for i = 1, #t.columns do widths[i], behind[i] = 0, 0 end
  local function look(row, head)
    for i = 1, #t.columns do
      local value, delta = halves(row[i])
      widths[i] = math.max(widths[i], head and 0 or length(value))
      behind[i] = math.max(behind[i], delta and length(delta) + 1 or 0)
    end
  end
  for _, row in ipairs(t.rows) do look(row) end
  for i, column in ipairs(t.columns) do
    widths[i] = math.max(widths[i], length(halves(column)) - behind[i])
  end
  local function line(row, style)
    local parts = {}
    for i = 1, #t.columns do
      local value, delta = halves(row[i])
      local tone = style or type(row[i]) == "table" and
        ({ good = "green", bad = "red" })[row[i][2]]
      local text = delta and value .. " " .. delta or value
      local room = widths[i] + (style and behind[i] or 0)
      local left = (" "):rep(room - length(value))
      local right = (" "):rep(style and 0 or behind[i] - (delta and length(delta) + 1 or 0))
      if tone then text = util.paint(tone, text, colour) end
      parts[i] = i == 1 and text .. left .. right or left .. text .. right
    end
    return (table.concat(parts, "  "):gsub("%s+$", ""))
  end
  lines[1] = line(t.columns, "bold")
  for _, row in ipairs(t.rows) do lines[#lines + 1] = line(row) end
  return table.concat(lines, "\n")
end

local function wrap(text, width)
  local lines, line = {}, ""
  for word in text:gmatch "%S+" do
    if line ~= "" and length(line) + length(word) + 1 > width then
      lines[#lines + 1], line = line, word
    else
      line = line == "" and word or line .. " " .. word
    end
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n")
end

-- Green where better than the first run, red where worse, when `colour`.
function views.text(c, colour)
  local parts = {}
  for i, t in ipairs(tables_of(c)) do
    parts[#parts + 1] = (i > 1 and util.paint("bold", t.title, colour) .. "\n" or "") ..
      text_table(t, colour)
  end
  local width = math.max(40, math.min(100, util.width()))
  for _, words in ipairs(c.words) do parts[#parts + 1] = wrap(words, width) end
  for _, w in ipairs(c.warnings) do
    parts[#parts + 1] = util.paint("yellow", "warning: ", colour) .. w
  end
  return table.concat(parts, "\n\n") .. "\n"
end

-- ---- files ----

local function title(c)
  local names = {}
  for i, run in ipairs(c.runs) do names[i] = run.label end
  return "Comparison of " .. table.concat(names, ", ", 1, #names - 1) .. " and " .. names[#names]
end

-- The comparison as blocks of a report. options.matrices: with the confusion matrix of each run.
function views.blocks(c, options)
  local blocks = { { "heading", 1, title(c) } }
  local function add(b) blocks[#blocks + 1] = b end
  for _, words in ipairs(c.words) do add { "text", words } end
  for _, w in ipairs(c.warnings) do add { "warning", w } end
  add { "heading", 2, "Learning curves" }
  add { "figure", figures.compare(c.runs, true) }
  for _, t in ipairs(tables_of(c)) do
    add { "heading", 2, t.title }
    add { "table", columns = t.columns, rows = t.rows }
  end
  add { "text", class = "note", ("In brackets: the difference to %s. Train numbers are means over "
    .. "an epoch while the weights change, on augmented images."):format(c.runs[1].label) }
  for _, run in ipairs(options and options.matrices and c.runs or {}) do
    local figure = figures.confusion_matrix(run, true)
    if figure then
      add { "heading", 2, "Confusion matrix of " .. run.label }
      add { "figure", figure }
    end
  end
  return blocks
end

-- picture: path of the curves within the text, nil for none.
function views.markdown(c, picture)
  local blocks = views.blocks(c)
  if picture then
    for i, b in ipairs(blocks) do
      if b[1] == "figure" then blocks[i] = { "link", picture, "learning curves" } end
    end
  end
  return document.markdown(blocks)
end

function views.html(c)
  return document.html(views.blocks(c, { matrices = true }), { title = title(c),
    footer = ("vgglua %s, %s"):format(core.version, os.date "%Y-%m-%d %H:%M") })
end

-- For --json.
function views.object(c)
  local o = { runs = {}, rows = {}, warnings = c.warnings, words = c.words, settings = {} }
  for i, run in ipairs(c.runs) do
    o.runs[i] = { name = run.label, dir = run.dir, finished = run.finished,
      best_epoch = run:best().epoch, epochs = #run.epochs }
  end
  for i, r in ipairs(c.rows) do o.rows[i] = { name = r.name, values = r.values } end
  for i, s in ipairs(c.settings) do o.settings[i] = { name = s.name, values = s.text } end
  if c.classes then
    o.classes = {}
    for i, class in ipairs(c.classes) do
      o.classes[i] = { name = class.name, n = class.n, recall = class.recall }
    end
  end
  return o
end

return views
