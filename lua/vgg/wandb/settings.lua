-- What a W&B run is called and where it goes: arguments, then the environment, then the settings
-- file beside the runs, then the user's.
local core = require "vgg.core"
local util = require "vgg.util"

local settings = {}

local function env(name)
  local v = os.getenv(name)
  return v ~= "" and v or nil
end

local yes = { y = 1, yes = 1, t = 1, ["true"] = 1, on = 1, ["1"] = 1 }

-- A boolean of the environment, as the official client reads them.
function settings.flag(name)
  local v = env(name)
  return v ~= nil and yes[v:lower()] ~= nil
end

-- Section [default] of an INI file as a table; {} when there is none.
function settings.ini(path)
  local values, section = {}, nil
  local f = path and io.open(path, "r")
  if not f then return values end
  for line in f:lines() do
    section = line:match "^%s*%[([^%]]*)%]" or section
    local key, value = line:match "^%s*([%w_%.%-]+)%s*[=:]%s*(.-)%s*$"
    if key and section == "default" and value ~= "" then values[key] = value end
  end
  f:close()
  return values
end

local function home(path)
  local h = env "HOME"
  return h and h .. path
end

local function user_file()
  local dir = env "WANDB_CONFIG_DIR" or home "/.config/wandb"
  return dir and dir .. "/settings"
end

-- "host:port" of a URL, as netrc files name machines.
function settings.netloc(url) return url:match "^%a+://([^/]*)" or url end

-- The password a netrc text has for a machine.
function settings.netrc(text, machine)
  local words, at = {}, 1
  for w in text:gmatch "%S+" do words[#words + 1] = w end
  while at <= #words do
    if words[at] == "machine" and words[at + 1] == machine then
      for i = at + 2, #words, 2 do
        if words[i] == "machine" or words[i] == "default" then break end
        if words[i] == "password" then return words[i + 1] end
      end
    end
    at = at + 1
  end
end

local function key_in_netrc(base_url)
  for _, path in pairs { env "NETRC" or home "/.netrc", home "/_netrc" } do
    local f = io.open(path, "r")
    if f then
      local key = settings.netrc(f:read "*a", settings.netloc(base_url))
      f:close()
      if key then return key end
    end
  end
end

-- A reason why a text cannot be an API key, or nil.
function settings.bad_key(key)
  if key:match "^[^.]+%.[^.]+%.[^.]+$" then return nil end
  local secret = key:match "^[^-]*%-(.*)$" or key
  if secret:match "[^%w_-]" then return "has characters no key has" end
  if #secret < 40 then return ("has %d characters, a key has 40 or more"):format(#secret) end
end

local modes = { online = "online", run = "online", offline = "offline", dryrun = "offline",
  disabled = "disabled", shared = "online" }

-- Where offline runs and settings are kept: ROOT/.wandb if there is one, else ROOT/wandb.
function settings.directory(root)
  local hidden = root .. "/.wandb"
  return core.fs.exists(hidden) and hidden or root .. "/wandb"
end

local function usable(root)
  local probe = root .. "/.vgg-probe-" .. settings.random(8)
  if not core.fs.mkdir(root) then return false end
  local f = io.open(probe, "w")
  if f then f:close() end
  os.remove(probe)
  return f ~= nil
end

local function root_of(o, defaults)
  local root = o.dir or env "WANDB_DIR" or defaults.dir or "."
  if usable(root) then return root end
  local other = env "TMPDIR" or "/tmp"
  util.log("warn", "wandb: '%s' cannot be written, the run goes to '%s'", root, other)
  return other
end

-- n random letters a-z and digits.
function settings.random(n)
  local f = assert(io.open("/dev/urandom", "rb"))
  local out = {}
  while #out < n do
    for c in f:read(n):gmatch "." do
      local b = c:byte()
      if b < 252 and #out < n then -- 7 * 36
        b = b % 36
        out[#out + 1] = string.char(b < 10 and 48 + b or 87 + b)
      end
    end
  end
  f:close()
  return table.concat(out)
end

local function check_name(what, value, bad, longest)
  if not value then return end
  if #value > longest or value:match(bad) or value:match "^%s" or value:match "%s$" then
    util.fail("usage", "wandb: %s '%s' is too long or holds one of %s", what, value,
      what == "project" and "/ \\ # ? % :" or ": ; , # ? / '")
  end
end

local function split(text)
  if type(text) ~= "string" then return text end
  local list = {}
  for word in text:gmatch "[^,]+" do list[#list + 1] = word:match "^%s*(.-)%s*$" end
  return list
end

local function mode_of(o, file)
  local given = o.mode or env "WANDB_MODE" or file.mode
  if not given then return nil end
  local mode = modes[given]
  if not mode then
    util.fail("usage", "wandb: no mode '%s'%s", given, util.hint(given, modes))
  end
  return mode
end

-- A number of the settings that are called private: WANDB_X_NAME or WANDB__NAME.
local function private(name) return tonumber(env("WANDB_X_" .. name) or env("WANDB__" .. name)) end

-- Everything known before a run starts; `o` are the arguments of init, `defaults` hold for what
-- nothing else says.
function settings.read(o, defaults)
  local s = { root = root_of(o, defaults) }
  s.directory = settings.directory(s.root)
  local file, user = settings.ini(s.directory .. "/settings"), settings.ini(user_file())
  local function pick(name, variable)
    local v = o[name]
    if v == nil then v = env(variable) or file[name] or user[name] end
    if v == nil then v = defaults[name] end
    return v
  end
  s.project, s.entity = pick("project", "WANDB_PROJECT"), pick("entity", "WANDB_ENTITY")
  s.name, s.notes = pick("name", "WANDB_NAME"), pick("notes", "WANDB_NOTES")
  s.group, s.job_type = pick("group", "WANDB_RUN_GROUP"), pick("job_type", "WANDB_JOB_TYPE")
  s.tags = split(pick("tags", "WANDB_TAGS"))
  s.id, s.sweep_id = pick("id", "WANDB_RUN_ID"), env "WANDB_SWEEP_ID"
  s.given_id, s.starting_step, s.runtime = s.id ~= nil, defaults.starting_step, defaults.runtime
  s.resume = o.resume == true and "auto" or o.resume or env "WANDB_RESUME"
  s.base_url = (pick("base_url", "WANDB_BASE_URL") or "https://api.wandb.ai"):gsub("/+$", "")
  s.key = pick("key", "WANDB_API_KEY") or key_in_netrc(s.base_url)
  s.mode = mode_of(o, setmetatable(file, { __index = user })) or (s.key and "online" or "offline")
  s.host, s.username = env "WANDB_HOST", env "WANDB_USERNAME"
  s.email, s.program = env "WANDB_USER_EMAIL", env "WANDB_PROGRAM"
  s.silent, s.quiet = settings.flag "WANDB_SILENT", settings.flag "WANDB_QUIET"
  s.console = env "WANDB_CONSOLE" ~= "off" and o.console ~= false
  s.stats_interval = private "STATS_SAMPLING_INTERVAL" or 15
  if settings.flag "WANDB_X_DISABLE_STATS" or settings.flag "WANDB__DISABLE_STATS" then
    s.stats_interval = 0
  end
  s.app_url = env "WANDB_APP_URL"
  s.agent = env "WANDB_X_USER_AGENT"
  s.insecure = settings.flag "WANDB_INSECURE_DISABLE_SSL"
  s.init_timeout = tonumber(env "WANDB_INIT_TIMEOUT")
  s.times = {
    interval = private "FILE_STREAM_TRANSMIT_INTERVAL", heartbeat = private "HEARTBEAT_SECONDS",
    wait_min = private "GRAPHQL_RETRY_WAIT_MIN_SECONDS",
    wait_max = private "GRAPHQL_RETRY_WAIT_MAX_SECONDS",
    timeout = tonumber(env "WANDB_HTTP_TIMEOUT") or private "GRAPHQL_TIMEOUT_SECONDS",
    finish_idle = private "FINISH_IDLE_SECONDS", finish_total = private "FINISH_TOTAL_SECONDS",
  }
  for name, seconds in pairs(defaults.times or {}) do s.times[name] = s.times[name] or seconds end
  check_name("run id", s.id, "[:;,#?/'\\%%]", 128)
  check_name("project", s.project, "[/\\#?%%:]", 128)
  return s
end

return settings
