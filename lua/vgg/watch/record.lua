-- Runs an edited script up to its fit{} and notes what it would train with, without touching the
-- training that runs: the data is a stand-in, models are made anew and dropped, random numbers are
-- put back, output is silent. Nothing behind fit{} is run.
local core = require "vgg.core"
local util = require "vgg.util"

local reached = {} -- raised by fit

local function silent() end

local function passing(real, own)
  return setmetatable(own, { __index = real, __call = function(_, ...) return real(...) end })
end

-- What train.data(opt) gives here: the new pipeline, otherwise the data of the running training.
local function data_stand_in(t, opt, real)
  local module = real.data(opt)
  local function loader(pipeline)
    return { dataset = { pipeline = pipeline }, get = silent, len = function() return 1 end }
  end
  local own = {
    setup = silent, prepare_data = silent, classes = t.task.classes,
    split_words = t.opt.split_words, choice = { words = "" },
    train_dataloader = function() return loader(module.train_pipeline) end,
    val_dataloader = function() return loader(module.eval_pipeline) end,
    test_dataloader = function() return loader(module.eval_pipeline) end,
  }
  return setmetatable(own, { __index = function(_, key) return module[key] end })
end

local function capture(record, trainer)
  rawset(trainer, "fit", function(self, args)
    record.trainer, record.args = self, args
    error(reached, 0)
  end)
  return trainer
end

local function proxies(t, record)
  local vgg = require "vgg"
  local real = vgg.train
  local train = passing(real, {})
  function train.flags(own, argv)
    record.flags = real.flags(own, argv)
    return record.flags
  end
  function train.data(opt) return data_stand_in(t, opt, real) end
  function train.trainer(opt, data, fields)
    return capture(record, real.trainer(opt, data, fields))
  end
  train.Trainer = setmetatable({}, { __index = real.Trainer,
    __call = function(_, options) return capture(record, real.Trainer(options)) end })
  local library = passing(vgg, { train = train })
  return { vgg = library, ["vgg.train"] = train }
end

local function environment(t, record)
  local own = proxies(t, record)
  local quiet = setmetatable({ write = silent }, { __index = io })
  return setmetatable({
    print = silent, io = quiet,
    require = function(name) return own[name] or require(name) end,
  }, { __index = _G })
end

local function model_text(model)
  local lines = {}
  for name, module in model:named_modules() do
    local what, how = module:describe()
    lines[#lines + 1] = ("%s %s %s"):format(name, what, how)
  end
  return table.concat(lines, "\n")
end

-- Hyper-parameters of every group: { { lr = 1e-3, betas = { 0.9, 0.999 } } ... }.
local function groups_of(optimizer)
  local groups = {}
  for i, g in ipairs(optimizer.param_groups or {}) do
    groups[i] = {}
    for name, value in pairs(g) do
      if name ~= "params" and name ~= "names" and name ~= "state" and name ~= "initial_lr" then
        groups[i][name] = value
      end
    end
  end
  return groups
end

local function digest(record)
  local trainer, args = record.trainer, record.args
  local function field(name)
    local value = args[name]
    if value == nil then value = (args.task or trainer.opt.task or {})[name] end
    if value == nil then value = trainer.opt[name] end
    return value
  end
  local model, optimizer, schedule = field "model", field "optimizer", field "schedule"
  if type(optimizer) == "function" then optimizer, schedule = optimizer(model) end
  if type(schedule) == "function" then schedule = schedule(optimizer) end
  if args.epochs then trainer.opt.max_epochs = args.epochs end
  record.objects = { model = model, optimizer = optimizer, trainer = trainer }
  record.model = model and model_text(model)
  record.optimizer = optimizer and { name = optimizer.name, groups = groups_of(optimizer) }
  record.schedule = schedule and schedule.state_dict and schedule:state_dict() or {}
  record.loss = field "loss" and tostring(field "loss")
  record.callbacks = trainer.opt.callbacks or {}
  local set = args.train and args.train.dataset
  record.pipeline = set and set.pipeline
  record.options = trainer.opt
end

-- record(text, chunk name, trainer) -> what was noted, or nil and why it cannot be told.
return function(text, name, t)
  local chunk, why = loadstring(text, name)
  if not chunk then return nil, require("vgg.errors").syntax(why, text, name) end
  local record, quiet = {}, util.quiet()
  local seed, position = core.rng_state()
  util.quiet(true)
  local ok, e = pcall(core.scope, function()
    local env = environment(t, record)
    local _, raised = pcall(setfenv(chunk, env), unpack(arg or {}))
    for key in pairs(env) do env[key] = nil end -- callbacks that are taken over speak again
    if record.trainer then return digest(record) end
    error(raised or "it ends without fit{}", 0)
  end)
  util.quiet(quiet)
  core.set_rng_state(seed, position)
  if not ok then return nil, type(e) == "table" and e.message or tostring(e) end
  return record
end
