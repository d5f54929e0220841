-- Lists of loggers, images on their way to them, and what the jsonl logger makes of each call.
package.path = "tests/train/?.lua;" .. package.path
local fake = require "fake"
local core = require "vgg.core"
local json = require "vgg.json"
local log = require "vgg.log"
local runs = require "vgg.train.runs"
local util = require "vgg.util"

-- A PNG of one grey pixel (5 x 3 by its header, which is all that is read here).
local png = "\137PNG\r\n\26\n\0\0\0\rIHDR\0\0\0\5\0\0\0\3\8\2\0\0\0rest"

-- What is told to the user while f runs.
local function told(f)
  local real, text = util.log, {}
  util.log = function(level, fmt, ...) text[#text + 1] = level .. ": " .. fmt:format(...) end
  local ok, e = pcall(f)
  util.log = real
  assert(ok, e)
  return table.concat(text, "\n")
end

local function read(path)
  local f = assert(io.open(path, "rb"))
  local text = f:read "*a"
  f:close()
  return text
end

describe("a list of loggers", function()
  it("passes calls on and skips what a logger lacks", function()
    local seen = {}
    local a = { name = "a", log_text = function(_, o) seen[#seen + 1] = "a " .. o.text end }
    local b = { name = "b", log_metrics = function(_, row) seen[#seen + 1] = "b " .. row.x end }
    local list = log.open { a, b }
    list:log_text { key = "k", text = "t" }
    list:log_metrics { x = 3 }
    list:log_images { key = "k", images = {} }
    assert.same({ "a t", "b 3" }, seen)
    list:get "b":log_metrics { x = 4 }
    list[1]:log_metrics { x = 5 } -- lacks it
    assert.same({ "a t", "b 3", "b 4" }, seen)
    assert.is_nil(list:get "c")
  end)

  it("tells an error once, switches that logger off and goes on with the others", function()
    local n = 0
    local list = log.open {
      { name = "bad", log_metrics = function() error("no luck", 0) end },
      { name = "good", log_metrics = function() n = n + 1 end },
    }
    local text = told(function()
      for _ = 1, 3 do list:log_metrics {} end
    end)
    assert.equal(3, n)
    assert.matches("bad logger stopped: no luck. Training goes on", text, 1, true)
    assert.equal(1, select(2, text:gsub("logger stopped", "")))
  end)

  it("is closed once, with the outcome, by hand or when collected", function()
    local seen = {}
    local function logger() return { close = function(_, o) seen[#seen + 1] = o.status end } end
    local list = log.open { logger() }
    list.outcome = { status = "failed", code = 1 }
    list:close()
    list:close()
    log.open { logger() } -- dropped at once
    collectgarbage()
    collectgarbage()
    local kept = log.open { logger() }
    log.close_all { status = "interrupted", code = 130 }
    kept:log_text { key = "x", text = "after the end" }
    assert.same({ "failed", "finished", "interrupted" }, seen)
  end)
end)

describe("Image", function()
  it("takes PNG bytes and figures, encodes once and knows its size", function()
    local calls = 0
    local figure = { png = function() calls = calls + 1 return png end }
    local image = log.Image(figure, { caption = "c" })
    assert.equal(png, image:png())
    assert.equal(png, image:png())
    assert.equal(1, calls)
    assert.equal("c", image.caption)
    assert.same({ 5, 3 }, { image:size() })
    assert.same({ 5, 3 }, { log.Image { png = png }:size() })
    assert.equal(image, log.Image(image))
  end)

  it("refuses what is none", function()
    assert.has_error(function() log.Image(3) end, "Image: want a tensor, a figure or { png = "
      .. "bytes }, got number")
    local ok, e = pcall(log.Image, { png = png }, { captoin = "x" })
    assert.is_false(ok)
    assert.matches("unknown option 'captoin' (did you mean 'caption'?)", e, 1, true)
    assert.has_error(function() log.Image { png = "no" }:size() end, "Image: not a PNG")
  end)
end)

describe("the jsonl logger", function()
  local dir, run
  before_each(function()
    dir = fake.directory()
    run = runs.at(dir)
  end)
  after_each(function() fake.remove(dir) end)

  it("keeps images in media/ and tables in tables/", function()
    local list = log.open({ "jsonl" }, run)
    local image = log.Image({ png = png }, { caption = "pred: cat" })
    list:log_images { key = "val/samples", images = { image, image }, step = 7, epoch = 2 }
    list:log_table { key = "best/predictions", epoch = 2, columns = { "image", "label", "p", "ok" },
      rows = { { image, "cat", 0.5, true }, { image, "dog", 0 / 0 } } }
    list:log_text { key = "note", text = "a\nb", step = 7 }
    list:log_summary({ ["best/acc"] = 0.5, ["best/loss"] = 1 / 0 }, { stop_reason = "max_epochs" })
    list:log_file { path = "x/y.txt", name = "y.txt" }
    list:log_config { a = 1 }
    assert.equal(5, list[1].rows)
    list:close()
    local rows = fake.rows(dir .. "/metrics.jsonl")
    assert.same({ type = "images", key = "val/samples", step = 7, epoch = 2, images = {
      { image = "media/val_samples_7_1.png", caption = "pred: cat" },
      { image = "media/val_samples_7_2.png", caption = "pred: cat" } } }, rows[1])
    assert.equal(png, read(dir .. "/media/val_samples_7_2.png"))
    assert.same({ type = "table", key = "best/predictions", epoch = 2, rows = 2,
      table = "tables/best_predictions.json" }, rows[2])
    local t = json.decode(read(dir .. "/tables/best_predictions.json"))
    assert.same({ "image", "label", "p", "ok" }, t.columns)
    assert.same({ { image = "media/best_predictions_2_1_1.png", caption = "pred: cat" }, "cat",
      0.5, true }, t.rows[1])
    assert.is_true(t.rows[2][3] ~= t.rows[2][3])
    assert.equal(json.null, t.rows[2][4])
    assert.equal(png, read(dir .. "/media/best_predictions_2_2_1.png"))
    assert.same({ type = "text", key = "note", text = "a\nb", step = 7 }, rows[3])
    assert.equal("max_epochs", rows[4].stop_reason)
    assert.same({ ["best/acc"] = 0.5, ["best/loss"] = json.null,
      nonfinite = { ["best/loss"] = "inf" } }, rows[4].best)
    assert.same({ type = "file", path = "x/y.txt", name = "y.txt" }, rows[5])
  end)

  it("--overwrite removes media and tables of the old run, and nothing else", function()
    local made = runs.create { root = dir, name = "x" }
    local list = log.open({ "jsonl" }, made)
    list:log_table { key = "t", columns = { "image" }, rows = { { log.Image { png = png } } } }
    list:close()
    assert(core.fs.write(made:path "media/mine.txt", "x"))
    runs.create { root = dir, name = "x", overwrite = true }
    assert.same({ "media" }, core.fs.list(made.dir))
    assert.same({ "mine.txt" }, core.fs.list(made:path "media"))
  end)
end)

describe("loggers at the end of a program", function()
  if not util.hosted() then
    pending "needs the host vgglua"
    return
  end

  it("hear how it ended, whoever ends it", function()
    local process = require "process"
    local path = os.tmpname()
    assert(core.fs.write(path, [[
      local log, how = require "vgg.log", ...
      kept = log.open { { close = function(_, o) print(o.status, o.code) end } }
      if how == "error" then error "boom" end
      if how == "exit" then os.exit(7) end
      if how == "data" then require("vgg.util").fail("data", "no data") end
      if how == "interrupted" then require("vgg.util").fail("interrupted", "stop") end
    ]]))
    for how, want in pairs { none = "finished\t0\n", error = "failed\t1\n", exit = "failed\t7\n",
      data = "failed\t3\n", interrupted = "interrupted\t130\n" } do
      assert.equal(want, process.run(path .. " " .. how).out, how)
    end
    os.remove(path)
  end)
end)
