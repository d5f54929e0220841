-- What happens between fit{...} and the first step: task, data, callbacks, run directory, resume.
local core = require "vgg.core"
local config = require "vgg.train.config"
local Clock = require "vgg.train.clock"
local device = require "vgg.train.device"
local evaluate = require "vgg.train.evaluate"
local Feed = require "vgg.train.feed"
local log = require "vgg.log"
local runs = require "vgg.train.runs"
local Scores = require "vgg.train.scores"
local state = require "vgg.train.state"
local tasks = require "vgg.train.task"
local Tracker = require "vgg.train.tracker"
local util = require "vgg.util"

local setup = {}

local function open_feeds(t, args)
  local o = t.opt
  local overfit = o.overfit_batches ~= 0 and o.overfit_batches or nil
  local train = Feed.new { loader = args.train, limit = overfit or o.limit_train_batches,
    ordered = overfit ~= nil, device = o.device,
    who = overfit and "overfit_batches" or "limit_train_batches" }
  if not train then error("fit: no training data (train = loader)", 4) end
  if train.batches == 0 then util.fail("usage", "limit_train_batches: no batch is left") end
  local val = Feed.new { loader = overfit and train:plain_loader() or args.valid,
    ordered = overfit ~= nil, limit = overfit or o.limit_val_batches, who = "limit_val_batches",
    device = o.device }
  if val and val.batches == 0 then val = nil end
  t.feeds = { train = train, val = val }
end

-- Everything the trainer brings itself, then the user's, in their order.
function setup.callbacks(t)
  if t.callbacks_ready then return end
  t.callbacks_ready = true
  local callbacks, o, mine = require "vgg.callbacks", t.opt, {}
  for i, c in ipairs(o.callbacks or {}) do mine[i] = c end
  local given = {}
  for _, c in ipairs(mine) do given[c.name or c] = true end
  local function add(c) if not given[c.name] then mine[#mine + 1] = c end end
  add(callbacks.LearningRateMonitor {})
  add(callbacks.ChanceLevel {})
  add(callbacks.ConfusionMatrix {})
  add(callbacks.Estimate {})
  if o.pictures ~= false then
    add(callbacks.Pictures {})
    add(callbacks.EpochPictures {})
  end
  if o.repl then add(callbacks.Attach {}) end
  if o.watch then add(callbacks.Watch {}) end
  if o.profile then add(callbacks.Profile {}) end
  if o.progress ~= false then add(callbacks.Progress {}) end
  add(callbacks.Checkpoint { filename = o.filename, every = o.checkpoint_every,
    every_n_steps = o.checkpoint_every_n_steps })
  local place = {}
  for i, c in ipairs(mine) do place[c] = (c.order or 0) * 1000 + i end
  table.sort(mine, function(a, b) return place[a] < place[b] end)
  t.callbacks = mine
  for _, c in ipairs(mine) do if c.setup then c:setup(t) end end
end

-- The run's directory and loggers; none in a fast dev run or with save = false.
local function open_run(t)
  local o = t.opt
  t.loggers:close(t.loggers.outcome)
  t.run, t.loggers = nil, log.open {}
  if o.fast_dev_run or o.save == false then return end
  t.run = t.resumed_run
    or runs.create { name = o.run_name, root = o.runs_dir, overwrite = o.overwrite }
  t.loggers = log.open(o.loggers or { "jsonl" }, t.run, { resumed = t.resumed_run ~= nil,
    config = t.config.whole, flags = o.hyper_parameters, classes = t:class_names(),
    experiment = config.experiment(), tb_logs = o.tb_logs })
end

local function resume(t)
  local name = t.run and t.run.name or t.resume_from
  if t.resume_from then
    local info, why = require("vgg.checkpoint").inspect(t.resume_from)
    if not info then util.fail("data", "%s", why) end
    config.compare(name, info.meta.config or {}, t.config.fixed)
    state.restore(t, t.resume_from)
  else
    util.log("note", "note: '%s' has no checkpoint yet, it starts at the beginning", name)
    t.position.rows = 0
  end
  t.loggers:resume(t.position)
  local clock = t.resume_from and t.run and t.run:read "clock.json"
  t.clock = Clock.new(clock and clock.elapsed)
  if t.position.epoch >= t.opt.max_epochs then
    util.log("note", "note: '%s' has all its %d epochs; --max-epochs N goes on", name,
      t.position.epoch)
  end
end

-- A few validation batches before the first epoch, so that a mistake there shows at once. Their
-- results go nowhere and they draw no random numbers that training would have drawn.
local function sanity_check(t)
  local n = t.feeds.val and math.min(t.opt.num_sanity_val_steps, t.feeds.val.batches) or 0
  if n == 0 or t.resume_from then return end
  local seed, position = core.rng_state()
  t.sanity = true
  local started = Clock.now()
  evaluate.run(t, "sanity", t.feeds.val, Scores.new(t.task), n)
  t.sanity, t.extra = nil, {}
  t.sanity_seconds = (Clock.now() - started) / n
  core.set_rng_state(seed, position)
end

-- Model and batches meet on one device: the option's, else where the model is.
function setup.place(t)
  local o, model = t.opt, t.task.model
  local p = type(model) == "table" and model.parameters and model:parameters()[1]
  if o.device_given then
    device.move(model, o.device)
  elseif type(p) == "userdata" then
    o.device = p.device
  end
end

function setup.fit(t, args)
  local o = t.opt
  core.set_deterministic(o.deterministic)
  if o.threads then core.device.set_threads(o.threads) end
  if o.memory_limit then core.device.set_memory_limit(o.memory_limit, 0, o.device) end
  t.task = tasks.new(o, args)
  setup.place(t)
  open_feeds(t, args)
  tasks.prepare(t.task)
  t.parameters = t.task.model:parameters()
  t.extra, t.images_seen, t.stop_reason, t.best = {}, 0, nil, nil
  t.position = { epoch = 0, batch = 0, step = 0 }
  t.scores = { train = Scores.new(t.task) }
  t.tracker = Tracker.new(t)
  t.resume_from, t.resumed_run = nil, nil
  if o.resume then t.resume_from, t.resumed_run = runs.resumable(o.resume, o.runs_dir) end
  if o.seed then core.manual_seed(o.seed) end
  t.config = config.of(t)
  open_run(t)
  t.callbacks_ready = false
  setup.callbacks(t)
  t.clock = Clock.new()
  if o.resume then resume(t) end
  if t.run and not t.resume_from then t.run:write("config.json", t.config.whole) end
  t.loggers:log_config(t.config.whole)
  if o.header ~= false then require("vgg.train.header").print(t) end
  sanity_check(t)
end

-- Loads "best", "last" (of this run) or a path into the model; returns the epoch it is from.
function setup.load_weights(t, what)
  local path = what
  if what == "best" or what == "last" then
    if not t.run then
      util.fail("data", "test: there is no %s checkpoint, nothing was saved", what)
    end
    path = t.run:path(what .. ".safetensors")
  end
  local meta, why = require("vgg.checkpoint").load_into(path, (t.task.model:state_dict()),
    { model = t:model_name() })
  if not meta then util.fail("data", "%s", why) end
  local p = meta.position
  return p and p.epoch + (p.batch > 0 and 1 or 0) or nil
end

return setup
