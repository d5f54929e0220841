-- define_metric and what follows from it: x-axes filled in, summaries of minimum, maximum, ...
local util = require "vgg.util"

local Metrics = {}
Metrics.__index = Metrics

function Metrics.new()
  return setmetatable({ exact = {}, globs = {}, seen = {}, last = {} }, Metrics)
end

local flags = { min = 1, max = 1, mean = 1, last = 1, first = 1, none = 1, best = 1 }
local goals = { minimize = 1, maximize = 2 }

local function summary_flags(o)
  local set = {}
  for word in (o.summary or ""):gmatch "[^,%s]+" do
    if not flags[word] then
      error(("define_metric: no summary '%s'%s"):format(word, util.hint(word, flags)), 4)
    end
    set[word] = true
  end
  if set.best then -- the official server knows extremes only
    if not o.goal then
      error("define_metric: summary 'best' wants goal = 'minimize' or 'maximize'", 4)
    end
    set[o.goal == "maximize" and "max" or "min"] = true
  end
  return next(set) and set or nil
end

-- Takes a definition; returns its record. o: step_metric, step_sync, hidden, summary, goal,
-- overwrite.
function Metrics:define(name, o)
  if name:match "%*." then error("define_metric: '*' stands at the end of a name", 3) end
  if o.goal and not goals[o.goal] then
    error(("define_metric: no goal '%s'%s"):format(o.goal, util.hint(o.goal, goals)), 3)
  end
  local glob = name:sub(-1) == "*"
  local place = glob and self.globs or self.exact
  local sync = o.step_sync
  if sync == nil then sync = o.step_metric ~= nil end
  local d = { name = name, step_metric = o.step_metric, step_sync = sync, hidden = o.hidden,
    summary = summary_flags(o), goal = o.goal, defined = true }
  local old = not o.overwrite and place[name]
  if old then
    d.step_metric, d.goal = d.step_metric or old.step_metric, d.goal or old.goal
    d.step_sync, d.hidden = d.step_sync or old.step_sync, d.hidden or old.hidden
    for flag in pairs(old.summary or {}) do
      d.summary = d.summary or {}
      d.summary[flag] = true
    end
  end
  place[name] = d
  if glob and not old then place[#place + 1] = name end
  return Metrics.record(d, o.overwrite)
end

-- The record of a definition.
function Metrics.record(d, overwrite)
  local glob = d.name:sub(-1) == "*"
  return { name = not glob and d.name or nil, glob_name = glob and d.name or nil,
    step_metric = d.step_metric, summary = d.summary, goal = goals[d.goal],
    options = { step_sync = d.step_sync or nil, hidden = d.hidden, defined = d.defined or nil },
    _control = overwrite and { overwrite = true } or nil,
    expanded_from_glob = d.expanded or nil }
end

local function matching(self, key)
  local best
  for _, name in ipairs(self.globs) do
    if key:sub(1, #name - 1) == name:sub(1, -2) and (not best or #name > #best) then best = name end
  end
  return best and self.globs[best]
end

-- The definition that holds for a key; `fresh` when it came from a pattern just now.
function Metrics:of(key)
  local d = self.exact[key]
  if d or self.seen[key] or key:sub(1, 1) == "_" then return d end
  self.seen[key] = true
  local g = matching(self, key)
  if not g or g.step_metric == key then return nil end
  d = { name = key, step_metric = g.step_metric, step_sync = g.step_sync, hidden = g.hidden,
    summary = g.summary, goal = g.goal, expanded = true }
  self.exact[key] = d
  return d, true
end

-- Adds the x-axes that the keys of a row ask for and the row lacks, with their last values.
-- Returns the definitions made from patterns.
function Metrics:complete(row)
  local fresh = {}
  for _, key in ipairs(util.keys(row)) do
    local d, new = self:of(key)
    if new then fresh[#fresh + 1] = d end
    if d and d.step_sync and d.step_metric and row[d.step_metric] == nil then
      row[d.step_metric] = self.last[d.step_metric] or 0
    end
  end
  for key, value in pairs(row) do
    if type(value) == "number" then self.last[key] = value end
  end
  return fresh
end

local function better(flag, a, b)
  if a == nil or a ~= a then return b end
  if b ~= b then return a end
  if flag == "min" then return math.min(a, b) end
  return math.max(a, b)
end

-- The summary value of a key after `value` was logged: the value, or { min =, ... }; nil for none.
function Metrics:summarize(key, value)
  local d = self.exact[key]
  local want = d and d.summary
  if not want then return value end
  if want.none then return nil end
  local s = d.state or {}
  d.state = s
  if type(value) == "number" then
    s.n, s.sum = (s.n or 0) + 1, (s.sum or 0) + value
    if want.min then s.min = better("min", s.min, value) end
    if want.max then s.max = better("max", s.max, value) end
    if want.mean then s.mean = s.sum / s.n end
    if want.best then s.best = d.goal == "maximize" and s.max or s.min end
  end
  if want.last then s.last = value end
  if want.first and s.first == nil then s.first = value end
  local out = {}
  for flag in pairs(want) do out[flag] = s[flag] end
  return next(out) and out or nil
end

return Metrics
