-- The small files beside a run's log that people look at; `wandb sync` makes its own.
local environment = require "vgg.wandb.environment"
local json = require "vgg.json"
local upsert = require "vgg.wandb.upsert"
local util = require "vgg.util"

local files = {}

-- Words that mean something else without quotes.
local special = { yes = 1, no = 1, on = 1, off = 1, ["true"] = 1, ["false"] = 1, null = 1, y = 1,
  n = 1 }

local function scalar(v)
  local word = type(v) == "string" and v:match "^[%a_][%w_%-/]*$"
  return word and not special[v:lower()] and v or json.encode(v)
end

-- A value as YAML lines, JSON where that is the same thing.
local function yaml(out, indent, key, v)
  local name = scalar(key)
  if type(v) ~= "table" or v == json.null or next(v) == nil then
    out[#out + 1] = ("%s%s: %s"):format(indent, name, scalar(v))
  elseif #v > 0 then
    out[#out + 1] = ("%s%s:"):format(indent, name)
    for _, x in ipairs(v) do
      local text = type(x) == "table" and json.encode(x) or scalar(x)
      out[#out + 1] = ("%s    - %s"):format(indent, text)
    end
  else
    out[#out + 1] = ("%s%s:"):format(indent, name)
    local keys = {}
    for k in pairs(v) do keys[#keys + 1] = k end
    table.sort(keys)
    for _, k in ipairs(keys) do yaml(out, indent .. "    ", k, v[k]) end
  end
end

-- config.yaml of a run.
function files.config_yaml(run)
  local out, config = {}, { _wandb = upsert.own(run) }
  for k, v in pairs(run.config_values) do config[k] = v end
  for _, k in ipairs(util.keys(config)) do
    out[#out + 1] = scalar(k) .. ":"
    yaml(out, "    ", "value", config[k])
  end
  return table.concat(out, "\n") .. "\n"
end

function files.metadata(record) return json.encode(environment.metadata(record)) .. "\n" end

return files
