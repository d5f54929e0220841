-- The include rule: which folder of core/ may include which, and who may see which library.
-- Arrows point down; a folder never includes a sibling on its own level.
local below = {
  base = "base",
  device = "base device backend",
  tensor = "base device tensor backend",
  autograd = "base device tensor autograd backend",
  ops = "base device tensor autograd ops backend",
  nn = "base device tensor autograd ops nn backend",
  optim = "base device tensor autograd optim backend",
  metric = "base device tensor autograd ops metric backend",
  io = "base device tensor io",
  log = "base io log",
  data = "base device tensor io data",
  image = "base device tensor image backend",
  cpu = "base device tensor cpu backend",
  cuda = "base device tensor cuda backend",
  bind = "base device tensor autograd ops nn optim metric io log data image bind public backend",
  host = "base device bind public host",
}
local libraries = { -- pattern of a system header -> folders that may include it
  { "^lua", "bind host" }, { "^lauxlib", "bind host" },
  { "^dnnl", "cpu" }, { "^oneapi", "cpu" }, { "^immintrin", "cpu data" }, { "^omp%.h", "cpu data" },
  { "^curl/", "io" },
  { "^jansson", "io log" }, { "^cuda", "cuda" }, { "^cudnn", "cuda" }, { "^cublas", "cuda" },
  { "^png", "image" }, { "^editline", "host" }, { "^histedit", "host" },
}

local function words(s)
  local set = {}
  for w in s:gmatch "%S+" do set[w] = true end
  return set
end

-- Header as written -> the folder whose rule applies.
local function target(header)
  if header == "vgglua/status.h" then return "base" end
  if header == "vgglua/backend.h" then return "backend" end
  if header:match "^vgglua/" then return "public" end
  if header == "emulate.h" then return "cuda" end -- of the tests, instead of nvcc
  return header:match "^([%w_]+)/"
end

local problems, files = {}, 0
local function complain(file, line, text)
  problems[#problems + 1] = ("%s:%d: %s"):format(file, line, text)
end

local function check_system(file, line, folder, header)
  for _, rule in ipairs(libraries) do
    if header:match(rule[1]) and not words(rule[2])[folder] then
      complain(file, line, ("core/%s may not see <%s>"):format(folder, header))
    end
  end
end

local function check_file(file)
  local folder, number = file:match "core/([%w_]+)/", 0
  local allowed = words(below[folder] or "")
  files = files + 1
  for text in io.lines(file) do
    number = number + 1
    local own = text:match '^%s*#%s*include%s+"([^"]+)"'
    local system = text:match "^%s*#%s*include%s+<([^>]+)>"
    if own and not allowed[target(own) or ""] then
      complain(file, number, ('core/%s may not include "%s"'):format(folder, own))
    end
    if system then check_system(file, number, folder, system) end
  end
end

local list = assert(io.popen "ls core/*/*.c core/*/*.h core/*/*.cu")
for file in list:lines() do
  if not file:match "^core/include/" then check_file(file) end
end
list:close()

for _, p in ipairs(problems) do print(p) end
print(("include rule: %d files, %d problems"):format(files, #problems))
os.exit((#problems == 0 and files > 20) and 0 or 1)
