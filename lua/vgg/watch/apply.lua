-- What differs between two recordings of a script, and doing what is safe of it to a training that
-- runs. Everything else is named, for a restart.
local json = require "vgg.json"

local apply = {}

-- Options of the trainer that may change between two steps.
local safe = {}
for name in ([[max_epochs max_steps max_time gradient_clip_val gradient_clip_algorithm
  log_every_n_steps check_val_every_n_epoch checkpoint_every checkpoint_every_n_steps]])
  :gmatch "%S+" do
  safe[name] = true
end
-- Options that follow from others, or say nothing about the training.
local derived = { callbacks = true, hyper_parameters = true, model = true, optimizer = true,
  schedule = true, loss = true, task = true, data_words = true, split_words = true, metrics = true }

local function text(value)
  if value == nil or value == false then return "none" end
  if value == math.huge then return "no limit" end
  if type(value) == "number" then return ("%.12g"):format(value) end
  if type(value) == "table" then
    local parts = {}
    for i, v in ipairs(value) do parts[i] = text(v) end
    return "{" .. table.concat(parts, ", ") .. "}"
  end
  return tostring(value)
end

local function same(a, b)
  if type(a) == "table" and type(b) == "table" then return text(a) == text(b) end
  return a == b
end

local function keys_of(a, b)
  local set, list = {}, {}
  for _, t in ipairs { a, b } do
    for k in pairs(t) do if type(k) == "string" then set[k] = true end end
  end
  for k in pairs(set) do list[#list + 1] = k end
  table.sort(list)
  return list
end

-- ---- the parts ----

local function options(t, old, new, out)
  for _, name in ipairs(keys_of(old.options, new.options)) do
    local a, b = old.options[name], new.options[name]
    if not derived[name] and type(b) ~= "function" and not same(a, b) then
      if safe[name] then
        t.opt[name] = b
        out.told[name] = true
        out.applied[#out.applied + 1] = ("%s %s -> %s"):format(name, text(a), text(b))
      elseif not (old.flags and new.flags and new.flags[name] ~= nil) then
        out.restart[#out.restart + 1] = ("%s %s -> %s"):format(name, text(a), text(b))
      end
    end
  end
  for _, c in ipairs(t.callbacks) do -- checkpoints keep their own copy
    if c.name == "checkpoint" then
      if out.told.checkpoint_every then c.every = t.opt.checkpoint_every end
      if out.told.checkpoint_every_n_steps then c.every_n_steps = t.opt.checkpoint_every_n_steps end
    end
  end
end

local function scaled_lr(group, before, now)
  if not (group.initial_lr and before > 0) then
    group.lr, group.initial_lr = now, now
    return
  end
  group.lr = group.initial_lr == group.lr and now or group.lr * (now / before)
  group.initial_lr = now
end

local function optimizer(t, old, new, out)
  local a, b, live = old.optimizer, new.optimizer, t.task.optimizer
  if not (a and b) then return end
  if a.name ~= b.name or #a.groups ~= #b.groups or #b.groups ~= #(live.param_groups or {}) then
    out.restart[#out.restart + 1] = ("optimizer %s (%d groups) -> %s (%d groups)"):format(a.name,
      #a.groups, b.name, #b.groups)
    return
  end
  for i, group in ipairs(b.groups) do
    for _, name in ipairs(keys_of(a.groups[i], group)) do
      local before, now = a.groups[i][name], group[name]
      if not same(before, now) then
        if name == "lr" then
          scaled_lr(live.param_groups[i], before, now)
        else
          live.param_groups[i][name] = now
        end
        out.told[name] = true
        out.applied[#out.applied + 1] = ("%s%s %s -> %s"):format(name,
          #b.groups > 1 and " of group " .. i or "", text(before), text(now))
      end
    end
  end
end

local function augmentation(t, old, new, out)
  local a, b = old.pipeline, new.pipeline
  if not (a and b) or tostring(a) == tostring(b) then return end
  local set = t.feeds.train.loader.dataset
  if not (set and set.pipeline) then
    out.restart[#out.restart + 1] = "augmentation"
    return
  end
  set.pipeline = b
  out.told.augment = true
  out.applied[#out.applied + 1] = ("augmentation: %s -> %s"):format(tostring(a), tostring(b))
end

-- A callback as text: its name, plain fields and code.
local function callback_text(c)
  local parts = {}
  for _, name in ipairs(keys_of(c, {})) do
    local v = c[name]
    if type(v) == "function" then
      parts[#parts + 1] = name .. "=" .. string.dump(v, true)
    elseif type(v) ~= "table" and type(v) ~= "userdata" then
      parts[#parts + 1] = name .. "=" .. tostring(v)
    end
  end
  return table.concat(parts, "\n")
end

local function by_name(list)
  local map, order = {}, {}
  for i, c in ipairs(list) do
    local key = c.name or "#" .. i
    map[key], order[#order + 1] = c, key
  end
  return map, order
end

local function replace(t, old, new)
  local list = {}
  for _, c in ipairs(t.callbacks) do if c ~= old then list[#list + 1] = c end end
  if new then
    if old and old.state and new.load_state then new:load_state(old:state()) end
    local at = 1
    while list[at] and (list[at].order or 0) <= (new.order or 0) do at = at + 1 end
    table.insert(list, at, new)
    if new.setup then new:setup(t) end
  end
  t.callbacks = list
end

-- A callback of the recording sees the model, optimizer and trainer that run.
local function adopt(c, t, objects)
  local live = { [objects.model] = t.task.model, [objects.optimizer] = t.task.optimizer,
    [objects.trainer] = t }
  for _, f in pairs(c) do
    local i = 1
    while type(f) == "function" do
      local name, value = debug.getupvalue(f, i)
      if not name then break end
      if value ~= nil and live[value] then debug.setupvalue(f, i, live[value]) end
      i = i + 1
    end
  end
  return c
end

local function callbacks(t, old, new, out)
  local a, a_order = by_name(old.callbacks)
  local b, b_order = by_name(new.callbacks)
  local live = by_name(t.opt.callbacks or {})
  local names = {}
  local function put(key, words, fresh)
    replace(t, live[key], fresh and adopt(fresh, t, new.objects))
    live[key] = fresh
    out.told.patience = true
    out.applied[#out.applied + 1] = ("callback %s %s"):format(key, words)
  end
  for _, key in ipairs(a_order) do if not b[key] then put(key, "removed", nil) end end
  for _, key in ipairs(b_order) do
    names[#names + 1] = key
    if not a[key] then
      put(key, "added", b[key])
    elseif callback_text(a[key]) ~= callback_text(b[key]) then
      put(key, "changed", b[key])
    end
  end
  t.opt.callbacks = {}
  for i, key in ipairs(names) do t.opt.callbacks[i] = live[key] end
end

local function restarts(old, new, out)
  local function note(what, a, b)
    if a ~= b then out.restart[#out.restart + 1] = what end
  end
  note("the model", old.model, new.model)
  note("the loss", old.loss, new.loss)
  note("the schedule", json.encode(old.schedule), json.encode(new.schedule))
end

-- Flags that changed and were not seen to do anything above.
local function flags(t, old, new, out)
  if not (old.flags and new.flags) then return end
  local kept = t.opt.hyper_parameters or {}
  for _, name in ipairs(keys_of(old.flags, new.flags)) do
    local a, b = old.flags[name], new.flags[name]
    if not same(a, b) then
      if out.told[name] then
        kept[name] = b
      else
        out.restart[#out.restart + 1] = ("--%s %s -> %s"):format(name:gsub("_", "-"), text(a),
          text(b))
      end
    end
  end
end

-- What a resumed run compares itself with, in the run's config.json and in later checkpoints.
local function configuration(t, out)
  if not t.config then return end
  local fixed = t.config.fixed
  for name in pairs(out.told) do
    local value = (t.opt.hyper_parameters or {})[name]
    if fixed.flags and fixed.flags[name] ~= nil then fixed.flags[name] = value end
    if fixed.trainer[name] ~= nil or name:find "^gradient_clip" then
      fixed.trainer[name] = t.opt[name]
    end
  end
  if not fixed.trainer.gradient_clip_val then fixed.trainer.gradient_clip_algorithm = nil end
  if out.told.augment then fixed.data.train = t.feeds.train:describe() end
  for i, group in ipairs(fixed.optimizer.groups) do
    local live = t.task.optimizer.param_groups[i]
    if out.told.lr then group.lr = live.initial_lr end
    if out.told.weight_decay then group.weight_decay = live.weight_decay end
  end
  local whole = t.config.whole
  for _, name in ipairs { "max_epochs", "max_steps", "max_time" } do whole[name] = t.opt[name] end
  if t.run then t.run:write("config.json", whole) end
end

-- apply.edit(trainer, old recording, new recording) -> { applied = { words }, restart = { words } }
function apply.edit(t, old, new)
  local out = { applied = {}, restart = {}, told = {} }
  options(t, old, new, out)
  optimizer(t, old, new, out)
  augmentation(t, old, new, out)
  callbacks(t, old, new, out)
  restarts(old, new, out)
  flags(t, old, new, out)
  if #out.applied > 0 then
    configuration(t, out)
    require("vgg.train.replayed").forget(t)
  end
  return out
end

return apply
