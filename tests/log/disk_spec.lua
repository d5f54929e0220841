-- Loggers on disks that fail: training goes on, trouble is told once, and what is lost is counted.
package.path = "tests/train/?.lua;tests/log/?.lua;" .. package.path
local fake = require "fake"
local process = require "process"
local core = require "vgg.core"
local log = require "vgg.log"
local runs = require "vgg.train.runs"
local Sink = require "vgg.log.sink"
local tfevents = require "tfevents"
local util = require "vgg.util"

-- What is told to the user while f runs.
local function told(f)
  local real, lines = util.log, {}
  util.log = function(level, fmt, ...) lines[#lines + 1] = level .. ": " .. fmt:format(...) end
  local ok, e = pcall(f)
  util.log = real
  assert(ok, e)
  return lines
end

local function read(path)
  local f = assert(io.open(path, "rb"))
  local text = f:read "*a"
  f:close()
  return text
end

describe("a disk that", function()
  local dir, run
  before_each(function()
    dir = fake.directory()
    run = runs.at(dir)
  end)
  after_each(function() fake.remove(dir) end)

  local function write(list, first, last)
    for i = first, last do
      list:log_metrics { type = "step", step = i, x = i }
      if i % 10 == 0 then list:flush() end
    end
  end

  local function events_of(list)
    for _, name in ipairs(core.fs.list(list:get "tensorboard".dir)) do
      if name:match "tfevents" then return list:get "tensorboard".dir .. "/" .. name end
    end
  end

  it("is full does not stop the others, and tells it once", function()
    os.execute(("ln -s /dev/full '%s/metrics.jsonl'"):format(dir))
    local list, path
    local lines = told(function()
      list = log.open({ "jsonl", "tensorboard" }, run, { tb_logs = dir .. "/tb" })
      write(list, 1, 50)
      path = events_of(list)
      list:close()
    end)
    assert.equal(2, #lines, table.concat(lines, "\n"))
    assert.matches("warn: jsonl logger: cannot write '" .. dir .. "/metrics.jsonl': disk full. "
      .. "Training goes on; the log is kept in memory, up to 17 MB, and written when that is "
      .. "possible", lines[1], 1, true)
    assert.matches("warn: jsonl logger: 50 records were lost: cannot write", lines[2], 1, true)
    assert.equal(50, #tfevents.by_tag(tfevents.read(read(path))).x)
  end)

  it("lost its directory costs the rows after that", function()
    local path
    local lines = told(function()
      local list = log.open({ "jsonl", "tensorboard" }, run, { tb_logs = dir .. "/tb" })
      write(list, 1, 10)
      path = events_of(list)
      fake.remove(list:get "tensorboard".dir)
      write(list, 11, 20)
      list:close()
    end)
    assert.equal(2, #lines, table.concat(lines, "\n"))
    assert.matches("warn: tensorboard logger: cannot write '" .. path:sub(1, 40), lines[1], 1, true)
    assert.matches("tensorboard logger: 10 records were lost", lines[2], 1, true)
    assert.equal(20, #fake.rows(dir .. "/metrics.jsonl"))
  end)

  it("never answers holds up nothing but the end, and that for seconds only", function()
    os.execute(("mkfifo '%s/metrics.jsonl'"):format(dir))
    local before, logged = core.clock(), nil
    local lines = told(function()
      local list = log.open({ "jsonl" }, run)
      for i = 1, 1000 do list:log_metrics { type = "step", step = i } end
      logged = core.clock() - before
      before = core.clock()
      local seconds = Sink.seconds
      Sink.seconds = 0.2
      for _ = 1, 5 do list:flush() end
      Sink.seconds = seconds
      list:close()
    end)
    assert.is_true(logged < 2, logged)
    assert.is_true(core.clock() - before < 10)
    assert.equal("warn: jsonl logger: the disk has not answered for 0.2 s. Training goes on",
      lines[1])
    assert.matches("1,000 records were lost: the disk was too slow", lines[2], 1, true)
    assert.equal(2, #lines)
    os.execute(("timeout 5 cat '%s/metrics.jsonl' >/dev/null"):format(dir)) -- lets its thread go
  end)
end)

describe("a killed run", function()
  if not util.hosted() then
    pending "needs the host vgglua"
    return
  end

  it("leaves files that are whole up to the last row", function()
    local dir = fake.directory()
    local script = dir .. "/kill.lua"
    local f = assert(io.open(script, "w"))
    f:write(([[
      local run = require("vgg.train.runs").at(%q)
      local list = require("vgg.log").open({ "jsonl", "tensorboard" }, run, { tb_logs = %q })
      local pid = io.open "/proc/self/stat":read "*l":match "^%%d+"
      for i = 1, 500 do
        list:log_metrics { type = "step", step = i, x = i }
        if i == 400 then list:flush() end
      end
      io.popen("kill -9 " .. pid):close()
      while true do end
    ]]):format(dir, dir .. "/tb"))
    f:close()
    for _ = 1, 3 do
      os.execute(("rm -rf '%s/tb' '%s/metrics.jsonl'"):format(dir, dir))
      assert.equal(137, process.run(script).code)
      local rows = 0
      for line in read(dir .. "/metrics.jsonl"):gmatch "[^\n]*\n" do
        rows = rows + 1
        assert.equal(rows, require("vgg.json").decode(line).step)
      end
      assert.is_true(rows >= 400)
      local version = dir .. "/tb/run/version_0/"
      local by
      for _, name in ipairs(core.fs.list(version)) do
        if name:match "tfevents" then by = tfevents.by_tag(tfevents.read(read(version .. name))) end
      end
      assert.is_true(#by.x >= 400)
      for i, point in ipairs(by.x) do assert.same({ i, i }, point) end
    end
    fake.remove(dir)
  end)
end)
