-- The attack object: options, the loop over iterations and batches, and the record of results.
--   local result = attack(model, images, classes [, { on_step =, partial =, batch_size = }])
-- result: adversary (N x C x H x W), and arrays by sample: prob, clean_prob, prob_8bit, predicted,
-- clean_predicted, success, iterations, l2, linf, history[i] = { p =, l2 =, linf = } from the clean
-- image on; interrupted = true when `partial` let a Ctrl-C end it early.
local core = require "vgg.core"
local Batch = require "vgg.attacks.batch"
local frozen = require "vgg.attacks.frozen"
local labels = require "vgg.attacks.labels"
local replayed = require "vgg.attacks.replayed"
local signals = require "vgg.train.signals"
local spaces = require "vgg.attacks.spaces"
local util = require "vgg.util"

local Attack = {}
Attack.__index = Attack
Attack.__name = "vgg.Attack"

-- A method: { name, words, max_iter, targeted, objective (function of logits and classes, one value
-- a row), threshold or false, space, clamp, start(self, batch) -> state, step(self, batch, state,
-- gradient, k) }.
function Attack.new(method) return setmetatable(method, Attack) end

function Attack:__tostring() return ("%s: %s"):format(self.name, self.words) end

local function record(n)
  local out = { count = n, history = {} }
  for _, name in ipairs { "prob", "clean_prob", "prob_8bit", "predicted", "clean_predicted",
    "success", "iterations", "l2", "linf" } do
    out[name] = {}
  end
  for i = 1, n do out.history[i] = { p = {}, l2 = {}, linf = {} } end
  return out
end

-- Whether a row need not be moved further, from what the network says before the step.
local function done(self, p, predicted, class)
  if not self.threshold then return false end
  if self.targeted then return p > self.threshold end
  return predicted ~= class
end

-- Marks what is finished before step k + 1; everything is after the last one.
local function judge(self, batch, measured, pixels, k)
  local p, predicted = batch:observe(measured)
  local out = batch.out
  for i = 1, #batch.rows do
    local at = batch:at(i)
    if k == 0 then out.clean_prob[at], out.clean_predicted[at] = p[i], predicted[i] end
    if batch.live[i] and (k == self.max_iter or batch.ending
      or done(self, p[i], predicted[i], batch.target_list[i])) then
      batch:finish(i, pixels, predicted[i], k)
    end
  end
end

-- With `partial` a Ctrl-C is heard here, between look and step: all rows end as they are.
local function listen(batch)
  local signal = batch.partial and not batch.ending and signals.pending()
  if signals.exits[signal] then
    batch.ending, batch.out.interrupted = true, signals.exits[signal]
  end
  return batch.ending
end

-- One look and one step that were recorded: the step is taken before the look is judged, which
-- nobody sees.
local function iterate_recorded(self, batch, state, k)
  listen(batch)
  core.no_grad(judge, self, batch, replayed.launch(self, batch, state, k), batch.recorded.pixels, k)
  if batch.working == 0 then return false end
  local rows = #batch.rows
  core.no_grad(batch.compact, batch, state)
  if #batch.rows ~= rows then replayed.forget(batch) end
  return true
end

-- One look, and one step while anything works. False when there is nothing left to do.
local function iterate(self, batch, state, k)
  local last = k == self.max_iter or batch.ending
  local v, space = batch.v, batch.space
  local logits
  if last then
    core.no_grad(function()
      local pixels = space.decode(v)
      judge(self, batch, batch:measure(space.logits(v), pixels), pixels, k)
    end)
    return false
  end
  if replayed.ready(self, batch, state) then return iterate_recorded(self, batch, state, k) end
  v:requires_grad_(true)
  v:set_grad(nil)
  logits = space.logits(v)
  listen(batch)
  core.no_grad(function()
    local pixels = space.decode(v:detach())
    judge(self, batch, batch:measure(logits:detach(), pixels), pixels, k)
  end)
  if batch.working == 0 then return false end
  self.objective(logits, batch.target, self.targeted):sum():backward()
  core.no_grad(self.step, self, batch, state, v.grad, k + 1)
  v:set_grad(nil)
  v:requires_grad_(false)
  core.no_grad(space.clip, v)
  core.no_grad(batch.compact, batch, state)
  return true
end

local function run_batch(self, batch, _, progress)
  local state = core.no_grad(self.start, self, batch)
  local k, going = 0, true
  while going do
    going = core.scope(iterate, self, batch, state, k)
    progress(batch, k, going)
    if going then k = k + 1 end
  end
  replayed.forget(batch)
  batch:free(state)
end

-- p(class) and prediction once the adversary is an 8-bit picture.
local function rounded(model, classes, images, out)
  local pixels = (images:clamp(0, 1) * 255):round() / 255
  local logits = model(pixels)
  local p = logits:softmax(2):gather(2, classes:unsqueeze(2)):flatten():totable()
  local predicted = logits:argmax(2):totable()
  for i = 1, #p do
    out.prob_8bit[#out.prob_8bit + 1] = p[i]
    out.predicted_8bit[#out.predicted_8bit + 1] = predicted[i]
  end
end

local function reporter(self, options, out, total)
  return function(batch, k, going)
    if not options.on_step then return end
    local finished, p = 0, 0
    for i = 1, total do
      local history = out.history[i].p
      p = p + (history[#history] or 0)
      if out.iterations[i] then finished = finished + 1 end
    end
    options.on_step { iteration = k, max_iter = self.max_iter, finished = finished, total = total,
      mean_prob = p / total, active = batch.working, going = going }
  end
end

local known = { on_step = true, partial = true, batch_size = true }

local function check_images(images)
  if type(images) ~= "userdata" or (images.ndim ~= 3 and images.ndim ~= 4) then
    error("attack: want images N x C x H x W with values in 0..1", 4)
  end
  if images.ndim == 3 then images = images:unsqueeze(1) end
  if images.dtype == "uint8" then images = images:float() / 255 end
  return images:detach():contiguous()
end

local function succeed(self, out, classes)
  for i = 1, #classes do
    local hit = out.predicted[i] == classes[i]
    out.success[i] = out.predicted[i] ~= nil and hit == self.targeted
  end
end

local function run_all(self, model, images, classes, options, out)
  local n, size, parts = images.shape[1], options.batch_size or 128, {}
  local space = spaces[self.space](model, self.clamp)
  self.model = model
  local progress = reporter(self, options, out, n)
  for first = 1, n, size do
    local count = math.min(size, n - first + 1)
    local y = classes:narrow(1, first, count):clone()
    local batch = Batch.new(images:narrow(1, first, count), y, space, first, out)
    batch.ending, batch.partial = out.interrupted ~= nil, options.partial
    self:run_batch(batch, options, progress)
    core.no_grad(rounded, model, y, batch.adversary, out)
    parts[#parts + 1] = batch.adversary
  end
  out.adversary = core.cat(parts, 1):keep()
  for _, part in ipairs(parts) do part:free() end
end

Attack.run_batch, Attack.listen = run_batch, listen

function Attack:__call(model, images, classes, options)
  options = options or {}
  util.check_options("attack", options, known)
  images = check_images(images)
  local out = record(images.shape[1])
  out.predicted_8bit, out.method, out.targeted = {}, self.name, self.targeted
  classes = labels.tensor(classes, images.shape[1], "attack")
  if classes.device ~= images.device then classes = classes:to(images.device) end
  if options.partial then signals.listen(true) end
  local ok, e = pcall(frozen, model, core.scope, run_all, self, model, images, classes, options,
    out)
  if options.partial then signals.listen(false) end
  if not ok then error(e, 0) end
  out.classes = classes:totable()
  succeed(self, out, out.classes)
  return out
end

return Attack
