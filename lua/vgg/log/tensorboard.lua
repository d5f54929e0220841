-- TensorBoard's event files in tb_logs/<experiment>/version_N, the next free N; a resumed run goes
-- on in its directory. Scalars lie on the axis of steps, pictures and texts on that of epochs.
local core = require "vgg.core"
local Image = require "vgg.log.image"
local hparams = require "vgg.log.tensorboard.hparams"
local json = require "vgg.json"
local Sink = require "vgg.log.sink"
local util = require "vgg.util"

local events = core.log

local TensorBoard = {}
TensorBoard.__index = TensorBoard

-- ---- where it lies ----

local function first_line(path, pattern)
  local f = io.open(path)
  local line = f and f:read "*l"
  if f then f:close() end
  return line and line:match(pattern)
end

-- A directory nobody had before.
local function next_version(root)
  local ok, why = core.fs.mkdir(root)
  if not ok then util.fail("data", "tensorboard: %s", why) end
  local n = -1
  for _, name in ipairs(core.fs.list(root)) do
    n = math.max(n, tonumber(name:match "^version_(%d+)$") or -1)
  end
  for _ = 1, 1000 do -- others may be doing the same
    n = n + 1
    local dir = ("%s/version_%d"):format(root, n)
    ok, why = core.fs.mkdir(dir, true)
    if ok then return dir end
    if not core.fs.exists(dir) then break end
  end
  util.fail("data", "tensorboard: %s", why)
end

-- Files are read in the order of their names, so the time in a new one is later than in all others.
local function event_file(dir)
  local at = os.time()
  for _, name in ipairs(core.fs.list(dir) or {}) do
    local before = tonumber(name:match "^events%.out%.tfevents%.(%d+)%.")
    if before and before >= at then at = before + 1 end
  end
  return ("%s/events.out.tfevents.%010d.%s.%s.0"):format(dir, at,
    first_line("/proc/sys/kernel/hostname", "^[%w._-]+") or "localhost",
    first_line("/proc/self/stat", "^%d+") or "0")
end

-- "experiments/finetune.lua" -> "finetune"
local function experiment(context)
  local name = util.basename(context.experiment or ""):gsub("%.lua$", ""):gsub("[^%w%._-]", "_")
  return name:find "%w" and name or "run"
end

local function directory(self, run, context)
  local before = context.resumed and run:read "tensorboard.json"
  if before and core.fs.exists(before.dir) then
    self.continued = true
    return before.dir
  end
  local dir = next_version(self.root .. "/" .. experiment(context))
  run:write("tensorboard.json", { dir = dir, logdir = self.root })
  return dir
end

function TensorBoard.new(run, context)
  local self = setmetatable({ name = "tensorboard", step = 0, pictures = 0, at = {},
    context = context }, TensorBoard)
  self.root = context.tb_logs or (context.flags or {}).tb_logs or "tb_logs"
  self.run = run
  self.dir = directory(self, run, context)
  self.path = event_file(self.dir)
  self.sink = Sink.new "tensorboard"
  self:add(events.tb_version())
  return self
end

-- The command that shows the run.
function TensorBoard:view() return "tensorboard --logdir " .. self.root end

-- ---- what is logged ----

-- Raw records, made by vgg.core.log.tb_*.
function TensorBoard:add(record) self.sink:append(self.path, record) end

-- Values by tag, at a step of the trainer. A tag that has a value there keeps it. `wall`: seconds
-- since 1970, default now.
function TensorBoard:add_scalars(values, step, wall)
  if step ~= self.step then self.step, self.at = step, {} end
  local new, any = {}, false
  for tag, value in pairs(values) do
    if type(value) == "number" and not self.at[tag] then
      new[tag], self.at[tag], any = value, true, true
    end
  end
  if any then self:add(events.tb_scalars(wall, step, new)) end
end

local elsewhere = { step = true, batch = true, type = true }

local function add_row(self, row, wall)
  local values = {}
  for key, value in pairs(row) do
    if not elsewhere[key] then values[key] = value end
  end
  if row.type == "test" then -- of the best weights, or the only ones; others apart
    values.epoch = nil
    if row.checkpoint == "last" then
      values = {}
      for key, value in pairs(row) do values[key:gsub("^test/", "test_last/")] = value end
      values.epoch = nil
    end
  elseif row.type ~= "epoch" and row.type ~= "step" then
    values.epoch = nil
  end
  if row.timing and row.timing.images_per_second then
    values.images_per_second = row.timing.images_per_second
  end
  self:add_scalars(values, row.step or self.step, wall)
end

function TensorBoard:log_metrics(row) add_row(self, row) end

function TensorBoard:log_summary(values) self:add_scalars(values, self.step) end

-- Pictures and texts lie on the axis of epochs, and never before earlier ones: those of the best
-- epoch's test stand at the run's end.
local function axis(self, o)
  self.pictures = math.max(self.pictures, o.epoch or o.step or 0)
  return self.pictures
end

local function add_image(self, tag, step, image)
  local width, height = image:size()
  self:add(events.tb_png(nil, step, tag, image:png(), width, height))
end

local function add_text(self, tag, step, text)
  self:add(events.tb_tensor(nil, step, tag, "text", "", { text }))
end

-- A figure in one pixel a point: there may be many.
local function drawn(figure) return Image.new { png = figure:png { density = 1 } } end

-- Several images become one picture, four in a row, where their pixels are known.
local function as_grid(images, columns)
  local tensors, captions = {}, {}
  for i, image in ipairs(images) do
    if not image.tensor then return nil end
    tensors[i], captions[i] = image.tensor, image.caption or ""
  end
  return drawn(require("vgg.plot").image_grid { images = tensors, captions = captions,
    columns = columns })
end

-- One image under the key; several as one grid, or as key/1, key/2, ... Captions also as the text
-- key_labels.
function TensorBoard:log_images(o)
  local images, step, labels = {}, axis(self, o), {}
  for i, image in ipairs(o.images) do
    images[i] = Image.new(image)
    if images[i].caption then
      labels[#labels + 1] = ("%d. %s"):format(i, (images[i].caption:gsub("\n", ", ")))
    end
  end
  local one = #images == 1 and images[1] or as_grid(images, o.columns or 4)
  if one then
    add_image(self, o.key, step, one)
  else
    for i, image in ipairs(images) do add_image(self, ("%s/%d"):format(o.key, i), step, image) end
  end
  if #labels > 0 then add_text(self, o.key .. "_labels", step, table.concat(labels, "\n")) end
end

function TensorBoard:log_confusion_matrix(m)
  add_image(self, m.key, axis(self, m), drawn(require("vgg.plot").confusion_matrix {
    matrix = m.matrix, classes = m.classes, title = m.title }))
end

local function cell_text(cell)
  if Image.is(cell) then return cell.caption or "image" end
  if type(cell) == "number" then return ("%.6g"):format(cell) end
  return (tostring(cell == nil and "" or cell):gsub("|", "\\|"):gsub("\n", " "))
end

-- The first cells of a row that are no images, for below its picture.
local function row_caption(columns, row)
  local lines = {}
  for k, name in ipairs(columns) do
    local cell = row[k]
    if cell ~= nil and not Image.is(cell) and #lines < 3 then
      lines[#lines + 1] = name .. ": " .. cell_text(cell)
    end
  end
  return table.concat(lines, "\n")
end

-- The table as text; its images as pictures under the same key, if they can stand in one.
function TensorBoard:log_table(o)
  local lines = { "| " .. table.concat(o.columns, " | ") .. " |",
    "|" .. (" --- |"):rep(#o.columns) }
  local images = {}
  for _, row in ipairs(o.rows) do
    local cells = {}
    for k = 1, #o.columns do
      cells[k] = cell_text(row[k])
      if Image.is(row[k]) then
        images[#images + 1] = { tensor = row[k].tensor, caption = row_caption(o.columns, row) }
      end
    end
    lines[#lines + 1] = "| " .. table.concat(cells, " | ") .. " |"
  end
  add_text(self, o.key, axis(self, o), table.concat(lines, "\n"))
  local grid = #images > 0 and as_grid(images, 10)
  if grid then add_image(self, o.key, axis(self, o), grid) end
end

function TensorBoard:log_histogram(o)
  local h = require("vgg.log.histogram")(o)
  self:add(events.tb_histogram(nil, o.step or o.epoch or self.step, o.key, h))
end

function TensorBoard:log_text(o) add_text(self, o.key, axis(self, o), o.text) end

-- ---- the run as a whole ----

function TensorBoard:log_config(config)
  local flags = config.flags or self.context.flags or {}
  self.sink:put(self.dir .. "/hparams.yaml", hparams.yaml(flags, self.run.name))
  self.has_hparams = true
  if self.continued then return end
  self:add(hparams.layout(os.time()))
  for _, record in ipairs(hparams.start(flags, self.run.name, os.time())) do self:add(record) end
end

-- The first n rows of metrics.jsonl; nil when they are not there.
local function rows_before(run, n)
  local f, rows = io.open(run:path "metrics.jsonl", "rb"), {}
  if not f then return nil end
  for line in f:lines() do
    if #rows == n then break end
    rows[#rows + 1] = json.decode(line)
  end
  f:close()
  return #rows == n and rows or nil
end

-- What the files before have beyond the checkpoint does not count. One number voids both axes, so
-- that is the next epoch, and the scalars of later steps come again: all of them where TensorBoard
-- is new to the run.
function TensorBoard:resume(at)
  local rows, known = at.rows and rows_before(self.run, at.rows), at.epoch
  self.step, self.at, self.pictures = at.step, {}, at.epoch
  if self.continued then
    self:add(events.tb_restart(nil, (rows and at.epoch or at.step) + 1))
  else
    known = -1
  end
  for _, row in ipairs(rows or {}) do
    local numbers = row.type == "step" or row.type == "epoch" or row.type == "test"
    if numbers and (row.step or at.step) > known then
      add_row(self, row, row.timing and row.timing.wall)
    end
  end
end

function TensorBoard:flush(durable) self.sink:flush(durable) end

-- TensorBoard keeps the first end it reads: an interrupted run may yet have a better one.
function TensorBoard:close(outcome)
  if self.has_hparams and outcome.status ~= "interrupted" then
    self:add(hparams.finish(outcome.code == 0, os.time(), self.pictures))
  end
  self.sink:close()
end

return TensorBoard
