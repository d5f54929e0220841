-- What a run was made of. `fixed` decides its numbers and goes into the checkpoints; `whole`, in
-- config.json, also has what may change from one session to the next.
local core = require "vgg.core"
local json = require "vgg.json"
local util = require "vgg.util"

local config = {}

-- Flags that do not change what a step computes.
local free = {}
for name in ([[resume overwrite run_name runs_dir max_epochs max_steps max_time fast_dev_run threads
  quiet json log_every_n_steps checkpoint_every checkpoint_every_n_steps patience logger tb_logs
  torch_cache_dir data_root data_url device num_sanity_val_steps limit_test_batches
  check_val_every_n_epoch num_workers summary download pictures
  memory_limit repl watch emulate_bf16 profile]]):gmatch "%S+" do
  free[name] = true
end

local function fixed_flags(flags)
  local kept = {}
  for name, value in pairs(flags or {}) do
    if type(name) == "string" and not free[name] then kept[name] = value end
  end
  return kept
end

local function model_spec(t)
  local model, n = t.task.model, 0
  for _, p in ipairs(t.parameters) do n = n + p.numel end
  local spec = rawget(model, "_config") or {} -- of models.build
  return { name = spec.name or t:model_name(), options = spec.options, parameters = n }
end

local function optimizer_spec(t)
  local optimizer, groups = t.task.optimizer, {}
  for i, g in ipairs(optimizer.param_groups or {}) do
    groups[i] = { lr = g.lr, weight_decay = g.weight_decay }
  end
  return { name = optimizer.name, groups = groups }
end

function config.of(t)
  local o, feeds = t.opt, t.feeds
  local fixed = {
    version = core.version,
    model = model_spec(t),
    optimizer = optimizer_spec(t),
    data = { train = feeds.train:describe(), val = feeds.val and feeds.val:describe() },
    normalize = feeds.train:normalization(),
    classes = t.task.classes,
    trainer = {
      seed = o.seed, precision = o.precision, accumulate_grad_batches = o.accumulate_grad_batches,
      gradient_clip_val = o.gradient_clip_val, overfit_batches = o.overfit_batches,
      gradient_clip_algorithm = o.gradient_clip_val and o.gradient_clip_algorithm,
      batches = feeds.train.batches, val_batches = feeds.val and feeds.val.batches,
      monitor = t.tracker.monitor,
    },
    flags = fixed_flags(o.hyper_parameters),
  }
  local whole = {
    fixed = fixed, flags = o.hyper_parameters, command = config.command(),
    device = o.device, threads = o.threads, host = core.device.describe(o.device),
    max_epochs = o.max_epochs, max_steps = o.max_steps, max_time = o.max_time,
    started = os.date "!%Y-%m-%dT%H:%M:%SZ",
  }
  return { fixed = fixed, whole = whole }
end

-- The command line as typed, nil outside a script.
function config.command()
  if not (arg and arg[0]) then return nil end
  local words = { "vgglua", arg[0] }
  for _, a in ipairs(arg) do
    words[#words + 1] = a:find "[^%w_./=:,-]" and util.shell_quote(a) or a
  end
  return table.concat(words, " ")
end

-- The name of the script without directory and extension; "run" where there is none.
function config.experiment()
  local name = arg and arg[0] and util.basename(arg[0]):gsub("%.lua$", "")
  return name and name ~= "" and name or "run"
end

local function flatten(value, path, out)
  if type(value) == "table" then
    for k, v in pairs(value) do
      flatten(v, path == "" and tostring(k) or path .. "." .. tostring(k), out)
    end
  elseif value ~= nil then
    out[path] = json.encode(value)
  end
  return out
end

local function differences(before, now)
  local a, b = flatten(before, "", {}), flatten(now, "", {})
  local all, lines = {}, {}
  for k in pairs(a) do all[k] = true end
  for k in pairs(b) do all[k] = true end
  all.version = nil
  for k in pairs(all) do -- older runs do not say
    if k:find "^normalize%." and a[k] == nil then all[k] = nil end
  end
  for _, k in ipairs(util.keys(all)) do
    if a[k] ~= b[k] then
      local name = k:match "^flags%.(.*)$"
      name = name and "--" .. name:gsub("_", "-") or k
      lines[#lines + 1] = ("%s was %s, now %s"):format(name, a[k] or "absent", b[k] or "absent")
    end
  end
  return lines
end

-- Fails naming what differs between a run and what is asked for now.
function config.compare(name, before, now)
  local flags = differences({ flags = before.flags }, { flags = now.flags })
  local lines = #flags > 0 and flags or differences(before, now)
  if #lines == 0 then return end
  util.fail("data", "resume: '%s' is another run: %s. Leave these as they were, or start a new run",
    name, table.concat(lines, "; ", 1, math.min(#lines, 6)))
end

return config
