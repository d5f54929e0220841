-- vgglua watch: pictures of a run in characters.
local process = require "tests.support.process"
local runs = require "tests.support.runs"
local scratch = require "tests.support.scratch"
local textplot = require "vgg.report.textplot"

local root, remove

local function watch(words, env)
  local all = { "watch", "--runs-dir", root }
  for _, w in ipairs(words) do all[#all + 1] = w end
  return process.run(all, { env = env })
end

local function lines_of(text)
  local list = {}
  for line in text:gmatch "([^\n]*)\n" do list[#list + 1] = line end
  return list
end

describe("textplot", function()
  local rising = { name = "up", x = { 0, 1, 2 }, y = { 0, 1, 2 }, sign = "*", colour = "cyan" }

  it("draws a line from corner to corner", function()
    local lines = textplot { series = { rising }, width = 30, height = 10, title = "t" }
    assert.equal(10, #lines)
    for _, line in ipairs(lines) do assert.equal(30, #line) end
    assert.matches("^t  %* up", lines[1])
    local last = 0
    for i = 9, 2, -1 do -- from the bottom upwards the signs move to the right
      local at = lines[i]:find("*", 1, true)
      assert.is_truthy(at, lines[i])
      assert.is_true(at > last)
      last = at
    end
    assert.matches("^ +0 +1 +2$", lines[10])
  end)

  it("survives gaps, one point, no point and no width", function()
    for _, y in ipairs { { 1, 0 / 0, 3 }, { 5 }, {}, { 0 / 0, 1 / 0 }, { 2, 2, 2 } } do
      local x = {}
      for i = 1, #y do x[i] = i end
      for _, utf8 in ipairs { true, false } do
        local lines = textplot { series = { { name = "s", x = x, y = y, sign = "x",
          colour = "cyan" } }, width = 12, height = 6, utf8 = utf8, colour = utf8 }
        assert.equal(6, #lines)
      end
    end
    assert.equal(7, #textplot { series = {}, width = 20, height = 7 })
  end)

  it("uses Braille where the terminal shows it", function()
    local lines = textplot { series = { rising }, width = 20, height = 6, utf8 = true }
    assert.is_truthy(lines[2]:find "\226[\160-\163][\128-\191]")
  end)
end)

describe("vgglua watch", function()
  setup(function()
    root, remove = scratch.new()
    runs.write(root .. "/a", { acc = { 0.3, 0.5, 0.45 }, matrix = { { 1, 1 }, { 0, 2 } } })
    runs.write(root .. "/young", { acc = {}, finished = false })
    runs.write(root .. "/going", { acc = { 0.3 }, finished = false })
    scratch.write(root .. "/no/file", "")
  end)
  teardown(function() remove() end)

  it("prints one picture where there is no terminal", function()
    local r = watch({ "a", "--width", "80" }, "LC_ALL=C")
    assert.equal(0, r.code, r.err)
    local lines = lines_of(r.out)
    assert.equal("a  epoch 3 of 3, step 30, 1:40, all epochs done", lines[1])
    assert.matches("^loss  %. steps  o train  %* val", lines[3])
    for _, line in ipairs(lines) do assert.is_true(#line < 80, line) end
    assert.matches("epoch 3: train/loss 0.7333 train/acc 0.4000 val/loss 0.5000 val/acc 0.4500",
      r.out, 1, true)
    assert.matches("best: epoch 2, val/acc 0.5000   test (best): 0.7500", r.out, 1, true)
    r = watch({ "a", "--width", "120", "--once" }, "LC_ALL=C.UTF-8")
    assert.matches("loss .* accuracy  ─ train  ─ val", lines_of(r.out)[3])
    assert.is_nil(r.out:find("\27", 1, true))
  end)

  it("draws over itself on a terminal and ends with the run", function()
    local driver, why = process.driver()
    if not driver then return pending(why) end
    local r = process.terminal({ "watch", "a", "--runs-dir", root }, { "end" }, "TERM=xterm")
    assert.equal(0, r.code, r.out .. r.err)
    assert.matches("\27[2J\27[H", r.out, 1, true)
    assert.matches("all epochs done", r.out, 1, true)
    assert.matches("\27[36m", r.out, 1, true) -- coloured
    r = process.terminal({ "watch", "going", "--runs-dir", root },
      { "expect epoch 1 of 1", "wait 200", "send \\x03", "end" }, "TERM=xterm")
    assert.equal(0, r.code, r.out .. r.err) -- waits for more until Ctrl-C
  end)

  it("shows what there is of a run that has just begun", function()
    assert.matches("going  epoch 1 of 1, step 10", watch({ "going" }).out, 1, true)
    local r = watch { "young" }
    assert.equal(0, r.code)
    assert.matches("waiting for the first numbers\nno complete epoch yet", r.out, 1, true)
  end)

  it("says what is wrong", function()
    local r = watch {}
    assert.equal(2, r.code)
    r = watch { "b" }
    assert.equal(3, r.code)
    assert.matches("watch: no run 'b' in", r.err, 1, true)
    r = watch { "no" }
    assert.equal(3, r.code)
    assert.matches("holds no metrics.jsonl", r.err, 1, true)
  end)
end)
