-- The machine and the program of a run, for wandb-metadata.json; the git commit it runs from.
local core = require "vgg.core"
local settings = require "vgg.wandb.settings"

local environment = {}

local function read(path)
  local f = io.open(path, "r")
  if not f then return nil end
  local text = f:read "*a"
  f:close()
  return text
end

local function line(path)
  local text = read(path)
  return text and text:match "^%s*(.-)%s*$"
end

local function env(name)
  local v = os.getenv(name)
  return v ~= "" and v or nil
end

-- The .git directory at or above `dir`, and the directory it is in.
local function find_git(dir)
  dir = core.fs.realpath(dir)
  while dir and dir ~= "" do
    local stat = core.fs.stat(dir .. "/.git")
    if stat and stat.type == "directory" then return dir .. "/.git", dir end
    if stat then -- a worktree: a file that names the place
      local real = (read(dir .. "/.git") or ""):match "^gitdir: (.-)%s*$"
      if real then return real, dir end
    end
    dir = dir:match "^(.*)/[^/]*$"
  end
end

local function common(git)
  local other = line(git .. "/commondir")
  if not other then return git end
  return other:sub(1, 1) == "/" and other or git .. "/" .. other
end

local function commit_of(git)
  local head = line(git .. "/HEAD")
  local ref = head and head:match "^ref: (.*)$"
  if not ref then return head end
  for _, place in ipairs { git, common(git) } do
    local sha = line(place .. "/" .. ref)
    if sha then return sha end
    for s, name in (read(place .. "/packed-refs") or ""):gmatch "(%x+) ([^\n]+)" do
      if name == ref then return s end
    end
  end
end

local function remote_of(git)
  local section, url
  for l in (read(common(git) .. "/config") or ""):gmatch "[^\n]+" do
    section = l:match '^%s*%[(.-)%]' or section
    if section == 'remote "origin"' then url = url or l:match "^%s*url%s*=%s*(.-)%s*$" end
  end
  return url and url:gsub("^(%a+://)[^/@]*@", "%1") -- without a password
end

-- { remote_url =, commit = } of the directory, and the repository's name; nil without one.
function environment.git(dir)
  local off = env "WANDB_DISABLE_GIT"
  if off and off:lower() ~= "false" then return nil end
  local git, top = find_git(dir or ".")
  local g = { remote_url = env "WANDB_GIT_REMOTE_URL" or (git and remote_of(git)) or nil,
    commit = env "WANDB_GIT_COMMIT" or (git and commit_of(git)) or nil }
  return next(g) and g or nil, top and top:match "[^/]*$"
end

local function cpu_counts()
  local logical, cores = 0, {}
  local physical, n = "0", 0
  for l in (read "/proc/cpuinfo" or ""):gmatch "[^\n]+" do
    if l:match "^processor%s*:" then logical = logical + 1 end
    physical = l:match "^physical id%s*:%s*(%d+)" or physical
    local id = l:match "^core id%s*:%s*(%d+)"
    if id and not cores[physical .. ":" .. id] then
      cores[physical .. ":" .. id] = true
      n = n + 1
    end
  end
  return n > 0 and n or logical, logical
end

local function memory_total()
  local kb = (read "/proc/meminfo" or ""):match "MemTotal:%s*(%d+)"
  return kb and kb * 1024
end

-- Seconds since 1970 as a protobuf timestamp.
function environment.timestamp(t)
  local whole = math.floor(t)
  return { seconds = whole, nanos = math.floor((t - whole) * 1e6) * 1000 }
end

function environment.host() return line "/proc/sys/kernel/hostname" end

-- The record `environment` of a run that started at `start`.
function environment.record(s, start)
  local physical, logical = cpu_counts()
  local total, args = memory_total(), {}
  local given = rawget(_G, "arg")
  for i = 1, given and #given or 0 do args[i] = tostring(given[i]) end
  return {
    os = ("%s-%s"):format(line "/proc/sys/kernel/ostype" or jit.os,
      line "/proc/sys/kernel/osrelease" or "unknown"),
    started_at = environment.timestamp(start), args = args,
    program = s.program or (given and given[0]) or nil, root = core.fs.realpath(s.root),
    host = s.host or environment.host(), username = s.username or env "USER" or env "LOGNAME",
    email = s.email, executable = core.fs.realpath "/proc/self/exe", git = s.git,
    cpu_count = physical, cpu_count_logical = logical,
    cpu = { count = physical, count_logical = logical },
    memory = total and { total = total } or nil, writer_id = settings.random(32),
  }
end

-- Protobuf's JSON of such a record, as the file wandb-metadata.json has it.
function environment.metadata(e)
  local function text(n) return n and ("%d"):format(n) end
  return {
    os = e.os, startedAt = os.date("!%Y-%m-%dT%H:%M:%S", e.started_at.seconds)
      .. (".%06dZ"):format(e.started_at.nanos / 1000),
    args = e.args[1] and e.args or nil, program = e.program, root = e.root, host = e.host,
    username = e.username, email = e.email, executable = e.executable,
    git = e.git and { remote = e.git.remote_url, commit = e.git.commit } or nil,
    cpu_count = e.cpu_count, cpu_count_logical = e.cpu_count_logical,
    cpu = { count = e.cpu.count, countLogical = e.cpu.count_logical },
    memory = e.memory and { total = text(e.memory.total) } or nil, writerId = e.writer_id,
  }
end

return environment
