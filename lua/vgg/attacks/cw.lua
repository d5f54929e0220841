-- The attack of Carlini and Wagner: the smallest change in L2 for which the margin objective holds.
-- Pixels are a tanh of what Adam moves; the weight between distance and margin is searched for
-- each sample by bisection, and the nearest success of all iterations is the result.
local core = require "vgg.core"
local Attack = require "vgg.attacks.attack"
local methods = require "vgg.attacks.methods"
local objectives = require "vgg.attacks.objectives"

local function fill(n, value)
  local list = {}
  for i = 1, n do list[i] = value end
  return list
end

-- Whether the prediction is what the attack is after.
local function fooled(self, predicted, class) return (predicted == class) == self.targeted end

-- Keeps what is nearer than anything before. l2, predicted: by row.
local function keep_best(self, search, batch, pixels, predicted, l2)
  for i = 1, batch.n do
    local better = fooled(self, predicted[i], batch.target_list[i]) and l2[i] < search.best[i]
    if better then
      search.best[i] = l2[i]
      search.image:narrow(1, i, 1):copy_(pixels:narrow(1, i, 1))
    end
    search.hit[i] = search.hit[i] or fooled(self, predicted[i], batch.target_list[i])
  end
end

local function step(self, batch, search, adam, k)
  local v = batch.v:requires_grad_(true)
  v:set_grad(nil)
  local pixels = batch.space.decode(v)
  local logits = self.model(pixels)
  local square = (pixels - batch.clean):flatten(2):square():sum(2)
  core.no_grad(function()
    local predicted = logits:argmax(2):totable()
    keep_best(self, search, batch, pixels:detach(), predicted, square:sqrt():totable())
  end)
  local margin = self.objective(logits, batch.target, self.targeted)
  local loss = (square + search.c * margin):sum()
  loss:backward()
  core.no_grad(methods.adam_step, self, batch, adam, v.grad, k)
  v:set_grad(nil)
  v:requires_grad_(false)
end

-- Halves the range of the weight, or takes ten times it while nothing is found.
local function bisect(search, n)
  for i = 1, n do
    if search.hit[i] then
      search.high[i] = math.min(search.high[i], search.weight[i])
    else
      search.low[i] = math.max(search.low[i], search.weight[i])
    end
    if search.high[i] < 1e9 then
      search.weight[i] = (search.low[i] + search.high[i]) / 2
    else
      search.weight[i] = search.weight[i] * 10
    end
  end
end

local function run_batch(self, batch, _, progress)
  local n = batch.n
  local search = { best = fill(n, math.huge), low = fill(n, 0), high = fill(n, 1e10),
    weight = fill(n, self.c), image = batch.clean:clone():keep() }
  core.scope(core.no_grad, function() -- the clean image, for the record
    local logits = self.model(batch.clean)
    local p, predicted = batch:observe(batch:measure(logits, batch.clean))
    for i = 1, n do
      local at = batch:at(i)
      batch.out.clean_prob[at], batch.out.clean_predicted[at] = p[i], predicted[i]
    end
  end)
  local start, taken = batch.v:clone():keep(), 0
  local function search_once(round)
    local adam = { m = core.zeros_like(batch.v), v = core.zeros_like(batch.v) }
    search.hit, search.c = fill(n, false), core.tensor(search.weight):to(batch.v.device)
    batch.v:copy_(start)
    for k = 1, self.steps do
      if Attack.listen(batch) then break end
      core.scope(step, self, batch, search, adam, k)
      taken = taken + 1
      progress(batch, (round - 1) * self.steps + k, true)
    end
    bisect(search, n)
  end
  for round = 1, self.search_steps do
    if not Attack.listen(batch) then core.scope(search_once, round) end
  end
  core.scope(core.no_grad, function()
    local _, predicted = batch:observe(batch:measure(self.model(search.image), search.image))
    for i = 1, n do batch:finish(i, search.image, predicted[i], taken) end
  end)
  progress(batch, taken, false)
  batch:free { search.image, start }
end

-- cw { targeted = true, c = 1e-2, kappa = 0, lr = 1e-2, steps = 100, search_steps = 5 }
return function(options)
  local o = methods.take("cw", options, { targeted = true, c = 1e-2, kappa = 0, lr = 1e-2,
    steps = 100, search_steps = 5 })
  local steps = methods.count("cw", "steps", o.steps)
  local rounds = methods.count("cw", "search_steps", o.search_steps)
  return Attack.new {
    name = "cw", targeted = o.targeted, lr = o.lr, c = o.c, steps = steps, search_steps = rounds,
    max_iter = steps * rounds, threshold = false, space = "tanh", clamp = true,
    objective = function(logits, classes)
      return objectives.margin(logits, classes, o.targeted, o.kappa)
    end,
    run_batch = run_batch,
    words = ("least L2 with margin %g: %d x %d steps of Adam, lr %g, %s"):format(o.kappa, rounds,
      steps, o.lr, o.targeted and "targeted" or "untargeted"),
  }
end
