-- metrics.jsonl, run directories, names of runs.
package.path = "tests/train/?.lua;" .. package.path
local fake = require "fake"
local cjson = require "cjson"
local fs = require("vgg.core").fs
local Jsonl = require "vgg.log.jsonl"
local log = require "vgg.log"
local runs = require "vgg.train.runs"
local util = require "vgg.util"

local function write(path, text)
  local f = assert(io.open(path, "w"))
  f:write(text)
  f:close()
end

local function read(path)
  local f = assert(io.open(path))
  local text = f:read "*a"
  f:close()
  return text
end

local function failure(fn, ...)
  local ok, e = pcall(fn, ...)
  assert.is_false(ok)
  assert.is_true(util.is_failure(e), tostring(e))
  return e
end

describe("metrics.jsonl", function()
  local dir, run
  before_each(function()
    dir = fake.directory()
    run = runs.at(dir)
  end)
  after_each(function() fake.remove(dir) end)

  it("holds one object a line; NaN and infinities are null and named", function()
    local l = Jsonl.new(run)
    l:log_metrics { type = "epoch", ["val/loss"] = 0 / 0, a = 1 / 0, b = -1 / 0, c = 0.1 }
    l:log_metrics { type = "step", x = 3 }
    l:close()
    local lines = {}
    for text in io.lines(run:path "metrics.jsonl") do lines[#lines + 1] = cjson.decode(text) end
    assert.equal(2, #lines)
    assert.equal(cjson.null, lines[1]["val/loss"])
    assert.same({ ["val/loss"] = "nan", a = "inf", b = "-inf" }, lines[1].nonfinite)
    assert.equal(0.1, lines[1].c)
    assert.same({ type = "step", x = 3 }, lines[2])
  end)

  it("is cut back to a number of rows, and goes on from there", function()
    local l = Jsonl.new(run)
    for i = 1, 5 do l:log_metrics { i = i } end
    assert.equal(3, l:truncate(3))
    l:log_metrics { i = 40 }
    assert.equal(4, l.rows)
    l:close()
    assert.equal('{"i":1}\n{"i":2}\n{"i":3}\n{"i":40}\n', read(run:path "metrics.jsonl"))
    write(run:path "metrics.jsonl", '{"i":1}\n{"i":2') -- a line cut off by a kill
    assert.equal(1, Jsonl.new(run):truncate(9))
    assert.equal('{"i":1}\n', read(run:path "metrics.jsonl"))
  end)

  it("knows its loggers by name", function()
    local e = failure(log.open, { "json" }, run)
    assert.equal(2, e.exit)
    assert.matches("--logger: no logger 'json' (did you mean 'jsonl'?)", e.message, 1, true)
  end)
end)

describe("runs", function()
  local dir
  before_each(function() dir = fake.directory() end)
  after_each(function() fake.remove(dir) end)

  it("have names that are safe as directories", function()
    assert.equal("2026-01-02_03_04_05", runs.safe "2026-01-02 03:04:05")
    assert.equal("a_b_c", runs.safe "a/b: c")
    assert.equal("run", runs.safe "..")
    assert.matches("^%d+%-%d%d%-%d%d_%d%d%-%d%d%-%d%d$", runs.timestamp())
  end)

  it("without a name never collide", function()
    local a = runs.create { root = dir }
    write(a:path "config.json", "{}")
    local b = runs.create { root = dir }
    assert.not_equal(a.dir, b.dir)
  end)

  it("overwriting removes only what a trainer wrote", function()
    local a = runs.create { root = dir, name = "x" }
    for _, f in ipairs { "config.json", "last.safetensors", "metrics.jsonl", "notes.txt" } do
      write(a:path(f), "x")
    end
    runs.create { root = dir, name = "x", overwrite = true }
    assert.same({ "notes.txt" }, fs.list(a.dir))
  end)

  it("are found by name, directory, file and 'last'", function()
    for _, name in ipairs { "one", "two" } do
      local r = runs.create { root = dir, name = name }
      write(r:path "last.safetensors", "")
      write(r:path "best.safetensors", "")
    end
    os.execute("touch -d '2 hours ago' " .. dir .. "/two/last.safetensors")
    local function find(...) return runs.find(...) end
    assert.equal(dir .. "/one/last.safetensors", find("one", dir))
    assert.equal(dir .. "/one/best.safetensors", find(dir .. "/one", nil, "best"))
    assert.equal(dir .. "/two/best.safetensors", find(dir .. "/two/best", nil))
    assert.equal(dir .. "/two/best.safetensors", find(dir .. "/two/best.safetensors"))
    assert.equal(dir .. "/one/last.safetensors", find("last", dir))
    local e = failure(find, "on", dir)
    assert.equal(3, e.exit)
    assert.matches("no run 'on' in '" .. dir .. "'. Did you mean 'one'?", e.message, 1, true)
  end)
end)
