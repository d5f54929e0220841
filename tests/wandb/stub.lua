-- The stand-in for the server (tests/c/wandbstub.c) for specs: started, steered, its log read.
local core = require "vgg.core"
local json = require "vgg.json"

local Stub = {}
Stub.__index = Stub

-- The program lies beside the interpreter or the module that is being tested.
local function program()
  local dirs = { (os.getenv("VGGLUA") or "build/"):match("^(.*)/") }
  for dir in package.cpath:gmatch("([^;]*)/%?%.so") do dirs[#dirs + 1] = dir end
  for _, dir in ipairs(dirs) do
    if core.fs.exists(dir .. "/wandbstub") then return dir .. "/wandbstub" end
  end
end

-- nil when it is not built.
function Stub.start(dir)
  if not program() then return nil end
  assert(core.fs.mkdir(dir))
  local self = setmetatable({ dir = dir }, Stub)
  self.process = io.popen(("%s '%s'"):format(program(), dir))
  self.url = ("http://127.0.0.1:%d"):format(self.process:read "*n")
  return self
end

local function get(self, path)
  local ok
  for _ = 1, 1000 do -- it may be down
    ok = core.io.download { url = self.url .. "/stub/" .. path, path = self.dir .. "/answer",
      retries = -1 }
    if ok then break end
    os.execute "sleep 0.05"
  end
  assert(ok, "the server stand-in does not answer")
  os.remove(self.dir .. "/answer")
end

local function escape(v)
  return (tostring(v):gsub("[^%w_.-]", function(c) return ("%%%02X"):format(c:byte()) end))
end

-- stub:fail { match =, count =, status =, header =, delay =, cut =, close =, after =, reply = }
function Stub:fail(o)
  local list = {}
  for k, v in pairs(o) do list[#list + 1] = k .. "=" .. escape(v == true and 1 or v) end
  get(self, "fail?" .. table.concat(list, "&"))
end

function Stub:down(ms) get(self, "down?ms=" .. ms) end
function Stub:bucket(value) get(self, "bucket?json=" .. escape(json.encode(value))) end

function Stub:stop()
  get(self, "quit")
  self.process:close()
end

-- The requests so far; `op`: only those of an operation or path.
function Stub:requests(op)
  local list = {}
  for line in io.lines(self.dir .. "/requests.jsonl") do
    local r = assert(json.decode(line))
    if not op or r.op == op or r.path:find(op, 1, true) then list[#list + 1] = r end
  end
  return list
end

-- What the file stream carried: file -> { [line number] = text }, with complete and exitcode. A
-- line that came twice must have been the same; numbers have no holes.
function Stub:stream()
  local files, last = {}, {}
  for _, r in ipairs(self:requests "file_stream") do
    if r.fate == "served" then
      for name, part in pairs(r.body.files or {}) do
        local lines = files[name] or {}
        files[name] = lines
        for i, text in ipairs(part.content) do
          local at = part.offset + i
          if name ~= "wandb-summary.json" and lines[at] and lines[at] ~= text then
            error(("line %d of %s came twice: %s, %s"):format(at, name, lines[at], text), 2)
          end
          lines[at] = text
        end
      end
      if r.body.complete then last = { complete = true, exitcode = r.body.exitcode } end
    end
  end
  return files, last
end

-- The history's rows; fails unless their _step are 0, 1, 2, ...
function Stub:rows(first)
  local rows = {}
  for i, line in ipairs((self:stream())["wandb-history.jsonl"] or {}) do
    rows[i] = assert(json.decode((line:gsub(":NaN", ":null"))))
    if rows[i]._step ~= i - 1 + (first or 0) then
      error(("row %d has the step %s"):format(i, rows[i]._step), 2)
    end
  end
  return rows
end

return Stub
