-- vgglua compare: numbers of runs that are written down beforehand.
local core = require "vgg.core"
local json = require "vgg.json"
local process = require "tests.support.process"
local runs = require "tests.support.runs"
local scratch = require "tests.support.scratch"

local root, remove

local function compare(...)
  local words = { "compare", "--runs-dir", root }
  for _, w in ipairs { ... } do words[#words + 1] = w end
  return process.run(words)
end

local good = { { 80, 10, 10 }, { 20, 70, 10 }, { 0, 50, 50 } }
local better = { { 90, 5, 5 }, { 30, 60, 10 }, { 0, 10, 90 } }

describe("vgglua compare", function()
  setup(function()
    root, remove = scratch.new()
    runs.write(root .. "/a", { acc = { 0.3, 0.5, 0.45 }, matrix = good, seconds = 100 })
    runs.write(root .. "/b", { acc = { 0.55, 0.6 }, matrix = better, seconds = 150,
      flags = { lr = 1e-4 }, stop = "max_time" })
    runs.write(root .. "/c", { acc = { 0.2, 0 / 0 }, finished = false, data = "synthetic",
      tail = '{"type":"ep' })
    runs.write(root .. "/empty", { acc = {}, finished = false })
    runs.write(root .. "/other", { acc = { 0.5 }, matrix = good, classes = { "x", "y", "z" } })
    runs.write(root .. "/x/a", { acc = { 0.5 },
      matrix = { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } } })
  end)
  teardown(function() remove() end)

  it("prints best epochs, differences, classes, times and what was set otherwise", function()
    local r = compare("a", "b")
    assert.equal(0, r.code, r.err)
    for _, line in ipairs { "best epoch +2 of 3 +2 of 2", "val acc +0%.5000 +0%.6000 %(%+0%.1000%)",
      "val acc at epoch 2 +0%.5000 +0%.6000 %(%+0%.1000%)",
      "test acc +0%.6667 +0%.8000 %(%+0%.1333%)",
      "wall time +1:40 +2:30 %(%+50 %%%)", "%-%-lr +0%.001 +0%.0001", "ant +80%.0 %% +90%.0 %% ",
      "bee & <b> +70%.0 %% +60%.0 %% %(−10%.0%)", "cat +50%.0 %% +90%.0 %% %(%+40%.0%)",
      "ended +all epochs done +stopped by max_time, still improving" } do
      assert.matches(line, r.out)
    end
    local words = r.out:gsub("%s+", " ")
    assert.matches("'b' is 13.3 points ahead of 'a' in test accuracy (80.0 % against 66.7 %); more "
      .. "than chance on 300 images (±7.1 points).", words, 1, true)
    assert.matches("validation accuracy (0.5000, epoch 2) in epoch 1.", words, 1, true)
    assert.matches("most gained: cat (+40.0), most lost: bee & <b> (−10.0).", words, 1, true)
    assert.is_nil(r.out:find("warning", 1, true))
    assert.is_nil(r.out:find("\27", 1, true))
  end)

  it("writes the curves as PNG and SVG, Markdown and a page that loads nothing", function()
    local dir = root .. "/out"
    local r = compare("a", "b", "--output", dir, "--markdown", root .. "/m.md", "--html",
      root .. "/h.html")
    assert.equal(0, r.code, r.err)
    assert.same({ "compare.html", "compare.md", "curves.png", "curves.svg" }, core.fs.list(dir))
    local _, w, h = core.image.decode_png(scratch.read(dir .. "/curves.png"))
    assert.is_true(w > 1500 and h > 500)
    local svg = runs.xml_elements(scratch.read(dir .. "/curves.svg"))
    assert.equal(1, svg.svg)
    assert.is_true(svg.path > 8 and svg.text > 15)
    local page = scratch.read(dir .. "/compare.html")
    assert.equal(page, scratch.read(root .. "/h.html"))
    local counts = runs.xml_elements(page)
    assert.equal(3, counts.svg) -- the curves and two confusion matrices
    assert.equal(3, counts.table)
    assert.same({}, runs.requests(page))
    assert.is_truthy(page:find("bee &amp; &lt;b&gt;", 1, true))
    local md = scratch.read(root .. "/m.md")
    assert.matches("| test acc | 0.6667 | 0.8000 (+0.1333) |", md, 1, true)
    assert.matches("| bee & \\<b\\> | 70.0 % | 60.0 % (−10.0) |", md, 1, true)
    assert.is_nil(md:find("curves.png", 1, true))
    assert.matches("![learning curves](curves.png)", scratch.read(dir .. "/compare.md"), 1, true)
  end)

  it("takes more than two, unfinished ones and other data with a warning each", function()
    local r = compare("a", "b", "c")
    assert.equal(0, r.code, r.err)
    local words = r.out:gsub("%s+", " ")
    assert.matches("warning: 'c' is not finished: 2 epochs so far, not tested", words, 1, true)
    assert.matches("warning: 'c': 1 damaged line of metrics.jsonl left out", words, 1, true)
    assert.matches("warning: training images of 'a' and 'c' differ (CIFAR-10 45,000 images of " ..
      "50,000; synthetic 45,000 images of 50,000)", words, 1, true)
    assert.matches("validation numbers are not comparable", words, 1, true)
    assert.is_true(core.fs.exists(root .. "/compare/a-b-and-1-more/compare.html"))
    r = compare("a", "other")
    assert.matches("warning: classes of 'a' and 'other' differ", r.out, 1, true)
    assert.is_nil(r.out:find("Recall", 1, true))
    r = compare("a", root .. "/x/a") -- two of one name are told apart by their paths
    assert.matches(root .. "/x/a", r.out, 1, true)
    assert.matches("numbers of test images", r.out, 1, true)
  end)

  it("--json prints one object", function()
    local r = compare("a", "b", "c", "--json")
    assert.equal(0, r.code, r.err)
    local o = assert(json.decode(r.out))
    assert.same({ 2, 2, 1 }, { o.runs[1].best_epoch, o.runs[2].best_epoch, o.runs[3].best_epoch })
    local by_name = {}
    for _, row in ipairs(o.rows) do by_name[row.name] = row.values end
    assert.same({ 0.5, 0.6, 0.2 }, by_name["val acc"])
    assert.equal(json.null, by_name["test acc"][3])
    assert.is_nil(o.classes)
    o = json.decode(compare("a", "b", "--json").out)
    assert.same({ 0.5, 0.9 }, o.classes[3].recall)
  end)

  it("says what is wrong, with the exit codes of the command line", function()
    local function fails(code, text, ...)
      local r = compare(...)
      assert.equal(code, r.code)
      assert.matches(text, r.err, 1, true)
      assert.equal("", r.out)
    end
    fails(2, "vgglua compare: want two runs or more: vgglua compare RUN_A RUN_B, got 'a'", "a")
    fails(3, "compare: no run 'othr' in '" .. root .. "'. Did you mean 'other'?", "a", "othr")
    fails(3, "'" .. root .. "/empty' has no complete epoch yet (no step logged). Go on with it: " ..
      "--resume empty", "a", "empty")
    fails(3, "'" .. root .. "/x' holds no metrics.jsonl, so it is no run", "a", root .. "/x")
    fails(2, "'a' and '" .. root .. "/a/config.json' are the same run", "a",
      root .. "/a/config.json")
    fails(2, "unknown option --htm. Did you mean --html?", "a", "b", "--htm", "x")
    local r = process.run { "compare", "--help" }
    assert.equal(0, r.code)
    assert.matches("usage: vgglua compare %[options%] RUN_A RUN_B", r.out)
  end)
end)
