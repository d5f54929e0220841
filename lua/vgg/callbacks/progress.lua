-- The progress line on a terminal; one line an epoch, also where there is no terminal, and then a
-- line every 30 s. All on stderr.
local core = require "vgg.core"
local Clock = require "vgg.train.clock"
local line = require "vgg.train.line"
local util = require "vgg.util"

local Progress = { name = "progress", order = 100, replayable = true }
Progress.__index = Progress

-- Progress { tty = found out, width = the terminal's, every = 0.1, plain_every = 30 }
function Progress.new(o)
  o = o or {}
  util.check_options("Progress", o, { tty = true, width = true, every = true, plain_every = true,
    out = true, clock = true })
  local self = setmetatable({ tty = o.tty, width = o.width, every = o.every or 0.1,
    plain_every = o.plain_every or 30, out = o.out, clock = o.clock or core.clock }, Progress)
  if self.tty == nil then self.tty = util.isatty(2) and os.getenv "TERM" ~= "dumb" end
  self.images, self.batches = Clock.rate(5), Clock.rate(5)
  self.shown_at, self.shown = -math.huge, false
  self.colour, self.utf8 = util.colour(2), line.is_utf8()
  return self
end

local function write(self, text)
  if util.quiet() then return end
  if self.out then return self.out(text) end
  io.stderr:write(text)
  io.stderr:flush()
end

local function clear(self)
  if self.shown then write(self, "\r\27[K") end
  self.shown = false
end

local function permanent(self, text)
  clear(self)
  write(self, text .. "\n")
end

-- Seconds left in this epoch's training and in the run, validation and max_time included.
local function remaining(self, trainer)
  local p, feeds, o = trainer.position, trainer.feeds, trainer.opt
  local rate = self.done > 0 and self.done / (self.clock() - self.started) or 0
  if rate == 0 then return nil, nil end
  local epoch = (feeds.train.batches - p.batch) / rate
  local val = trainer.val_seconds
  if not val and feeds.val then
    val = feeds.val.batches * math.min(trainer.sanity_seconds or math.huge, 0.4 / rate)
  end
  local left = o.max_epochs - p.epoch - 1
  local run = epoch + (val or 0) + left * (feeds.train.batches / rate + (val or 0))
  if o.max_steps < math.huge then
    run = math.min(run, (o.max_steps - p.step) * o.accumulate_grad_batches / rate + (val or 0))
  end
  if o.max_time then run = math.min(run, o.max_time - trainer:elapsed()) end
  return math.max(0, epoch), math.max(0, run)
end

function Progress:on_train_epoch_start(trainer)
  self.done, self.started = 0, self.clock()
  self.plain_at = self.plain_at or self.started
  self.images, self.batches = Clock.rate(5), Clock.rate(5)
  self.images:add(0, self.started)
  self.batches:add(0, self.started)
  self.total = trainer.feeds.train.batches
end

local function show(self, trainer, now)
  local loss, acc = trainer.scores.train:short()
  local eta, run = remaining(self, trainer)
  local text = line.progress({
    what = "Epoch", epoch = trainer.position.epoch + 1, epochs = trainer.opt.max_epochs,
    batch = trainer.position.batch, batches = self.total, it = self.batches:value(),
    images = self.images:value(), eta = eta, run = run, loss = loss, acc = acc,
  }, self.tty and (self.width or util.width()) or nil, self.utf8 and self.tty)
  if self.tty then
    write(self, "\r" .. text .. "\27[K")
    self.shown, self.shown_at = true, now
  else
    write(self, text .. "\n")
    self.plain_at = now
  end
end

function Progress:on_train_batch_end() self.done = self.done + 1 end

function Progress:on_train_step_end(trainer, step)
  local now = self.clock()
  self.images:add(step.images, now)
  self.batches:add(trainer.opt.accumulate_grad_batches, now)
  local due = self.tty and now - self.shown_at >= self.every
    or not self.tty and now - self.plain_at >= self.plain_every
  if due then show(self, trainer, now) end
end

-- Validation and test on the same line.
local function passing(self, trainer, what, k)
  local now = self.clock()
  if not self.tty or now - self.shown_at < self.every then return end
  write(self, "\r" .. line.fit(("%s  %d/%d"):format(what, k, self.pass or k),
    self.width or util.width()) .. "\27[K")
  self.shown, self.shown_at = true, now
  return trainer
end

function Progress:on_validation_epoch_start(_, batches) self.pass = batches end
function Progress:on_test_epoch_start(_, batches) self.pass = batches end
function Progress:on_sanity_epoch_start(_, batches) self.pass = batches end
function Progress:on_validation_batch_end(t, k) passing(self, t, "Validation", k) end
function Progress:on_test_batch_end(t, k) passing(self, t, "Test", k) end
function Progress:on_sanity_batch_end(t, k) passing(self, t, "Sanity check", k) end

function Progress:on_test_epoch_end(_, result)
  local v = result.values
  permanent(self, line.test(result.label, v))
end

function Progress:on_epoch_end(trainer, row)
  local rates = {}
  for i, lr in ipairs(trainer:learning_rates()) do rates[i] = row[lr.name] or lr.value end
  permanent(self, line.epoch(row, rates,
    function(text) return util.paint("green", text, self.colour) end))
  self.plain_at = self.clock()
end

function Progress:on_message(_, text) permanent(self, text) end
function Progress:on_exception() clear(self) end
function Progress:on_fit_end() clear(self) end

return Progress
