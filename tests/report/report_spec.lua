-- vgglua report: what must be in the page, and what it must not ask for.
local core = require "vgg.core"
local json = require "vgg.json"
local process = require "tests.support.process"
local runs = require "tests.support.runs"
local scratch = require "tests.support.scratch"

local root, remove

local function report(...)
  local words = { "report", "--runs-dir", root }
  for _, w in ipairs { ... } do words[#words + 1] = w end
  return process.run(words)
end

local function has(text, part)
  assert.is_truthy(text:find(part, 1, true), "lacks " .. part)
end

-- A noisy 32 x 32 picture, which compresses as badly as a photograph.
local function noise(seed)
  local bytes = {}
  for i = 1, 32 * 32 * 3 do
    seed = (seed * 16807) % 2147483647
    bytes[i] = string.char(seed % 256)
  end
  return core.image.encode_png(table.concat(bytes), 32, 32, 3)
end

local function with_samples(dir)
  local rows = {}
  for i = 1, 50 do
    scratch.write(("%s/media/samples_%d.png"):format(dir, i), noise(i))
    rows[i] = { { image = ("media/samples_%d.png"):format(i), caption = "ant" }, "ant",
      i == 7 and "cat" or "ant" }
  end
  scratch.write(dir .. "/tables/samples.json", json.encode { key = "samples", rows = rows,
    columns = { "image", "ground_truth", "prediction" } })
end

-- An attack on the best weights of `on`: 50 rows with three pictures each.
local function attack(dir, on)
  local rows = {}
  for i = 1, 50 do
    local cells = {}
    for k, name in ipairs { "source", "adversary", "diff" } do
      local file = ("media/%s_%d.png"):format(name, i)
      scratch.write(dir .. "/" .. file, noise(3 * i + k))
      cells[k] = { image = file, caption = name }
    end
    rows[i] = { cells[1], "bee & <b>", "cat", cells[2], cells[3], i / 100, i > 10, "cat", "bee", i,
      1.5, 0.03, 0.9, i, true }
  end
  scratch.write(dir .. "/tables/adversaries.json", json.encode { key = "adversaries", rows = rows,
    columns = { "source_image", "gt_class", "target_class", "adversary", "diff", "target_prob",
      "success", "predicted_class", "clean_prediction", "iterations", "l2", "linf",
      "target_prob_8bit", "sample_index", "counted" } })
  scratch.write(dir .. "/metrics.jsonl", '{"type":"table","key":"adversaries"}\n')
  scratch.write(dir .. "/config.json", json.encode { kind = "attack", checkpoint = on,
    classes = runs.classes, flags = { lr = 1e-3, max_iter = 100, n_samples = 5,
      objective = "logprob", prob_threshold = 0.99 }, set = "5,000 of 50,000 training images" })
  scratch.write(dir .. "/summary.json", json.encode { success_rate = 0.8,
    source_class = "bee & <b>", median_l2 = 1.5, median_linf = 0.03, median_iterations = 25,
    targets = { cat = { success = 40, rows = 50, mean_p = 0.5 } } })
end

local matrix = { { 80, 10, 10 }, { 20, 70, 10 }, { 0, 50, 50 } }

describe("vgglua report", function()
  setup(function()
    root, remove = scratch.new()
    runs.write(root .. "/a", { acc = { 0.3, 0.5, 0.45, 0.44, 0.43, 0.42 }, matrix = matrix,
      loss = { 1, 0.8, 0.9, 1, 1.1, 1.2 },
      model = { name = "vgg16_bn", parameters = 14728266, options = { head = "small" } } })
    with_samples(root .. "/a")
    attack(root .. "/adv", root .. "/a/best.safetensors")
    runs.write(root .. "/b", { acc = { 0.2, 0.6 }, matrix = matrix, stop = "max_time" })
    attack(root .. "/elsewhere", "runs/b/best.safetensors") -- as seen from another directory
    runs.write(root .. "/c", { acc = { 0.2 }, finished = false, data = "synthetic shapes" })
    runs.write(root .. "/empty", { acc = {}, finished = false })
  end)
  teardown(function() remove() end)

  local made = {}

  -- The page of some runs, its path; made once.
  local function page_of(...)
    local key = table.concat({ ... }, " ")
    if not made[key] then
      local r = report(...)
      assert.equal(0, r.code, r.err)
      local path = r.out:match "^(%S+%.html) "
      made[key] = { scratch.read(path), path }
    end
    return unpack(made[key])
  end

  it("is one page without requests, under 2 MB with 50 attacks and 50 samples", function()
    local page, path = page_of "a"
    assert.equal(root .. "/a/report.html", path)
    assert.same({}, runs.requests(page))
    local counts = runs.xml_elements(page)
    assert.equal(200, counts.img)
    assert.is_true(#page < 2e6, #page)
    assert.equal(2, counts.svg)
    assert.equal(50, counts.figure)
    local inline = 0
    for _ in page:gmatch '<img alt="[^"]*" src="data:image/png;base64,iVBORw0KGgo' do
      inline = inline + 1
    end
    assert.equal(200, inline)
    has(page, "default-src 'none'")
    local _, wrong = page:gsub('<figure class="wrong">', "")
    assert.equal(1, wrong)
    has(page, "cat<br>not ant")
  end)

  it("holds the numbers", function()
    local page = page_of "a"
    for _, text in ipairs {
      "Best epoch 2: validation accuracy 0.5000, macro 0.5000, loss 0.8000.",
      "Test of the best weights: accuracy 0.6667",
      "vgg16_bn with 14,728,266 parameters, 6 epochs in 1:40.",
      '<td>cat</td><td>bee &amp; &lt;b&gt;</td><td class="n">50</td><td class="n">50.0 %</td>',
      '<td>ant</td><td class="n">100</td><td class="n">80.0 %</td><td class="n">80.0 %</td>',
      "Adversarial attack: adv",
      "80.0 % of the attacks on images of class &#39;bee &amp; &lt;b&gt;",
      "40 of 50", '<td class="good">yes</td>', '<td class="bad">no</td>', "p(target)",
      "vgglua experiments/finetune.lua", "cpu x2", "--batch-size",
    } do has(page, text) end
  end)

  it("answers the eight questions in words", function()
    local page = page_of "a"
    local _, questions = page:gsub("<dt>", "")
    assert.equal(8, questions)
    for _, text in ipairs {
      "VGG16BN has 14,728,266 parameters.",
      "features.27 (Conv2d 512 -&gt; 512) with 2,359,808, 16.0 % of all",
      "313,201,664 multiply-accumulates an image", "Adam, learning rate 0.001 throughout.",
      "Epochs: 6, the best by val/acc is epoch 2; all epochs done.",
      "Validation loss: from 1.0000 (epoch 1) to 1.2000 (epoch 6), best 0.8000 in epoch 2: no " ..
        "improvement for 4 epochs.",
      "33.3 % would be guessing among 3 classes; the run has 66.7 % on 300 test images " ..
        "(±5.4 points), 2.0 times that.",
      "Wrong: 100 of 300, most often cat taken for bee &amp; &lt;b&gt; (50, 50.0 % of them)",
      "validation loss rising since epoch 2: over-fitting.",
      "Tough: cat (50.0 %), bee &amp; &lt;b&gt; (70.0 %); easiest: ant (80.0 %).",
      "5,000 of 50,000 training images, seed 42. The best epoch was chosen on them",
      "as the mean over classes (macro) it is 66.7 %, the same, as the classes are equally large.",
    } do has(page, text) end
    page = page_of "b"
    has(page, "stopped by max_time, still improving")
    has(page, "The run ended by max_time in its best epoch, so its end says nothing")
    has(page, "Adversarial attack: elsewhere")
  end)

  it("says what a reader must know first", function()
    local page = page_of "c"
    has(page, "Warning: the images are generated shapes, not CIFAR-10")
    has(page, "Warning: the run is not finished: 1 epoch so far, not tested")
  end)

  it("takes several runs and attacks alone; writes Markdown", function()
    local page, path = page_of("b", "c", "--output", root .. "/both.html", "--markdown",
      root .. "/both.md")
    assert.equal(root .. "/both.html", path)
    assert.same({}, runs.requests(page))
    runs.xml_elements(page)
    has(page, "Comparison of b and c")
    local md = scratch.read(root .. "/both.md")
    has(md, "# Comparison of b and c")
    has(md, "| ant | 80 | 10 | 10 |")
    has(md, "**How many parameters are there?**")
    assert.is_nil(md:find("base64", 1, true))
    page = page_of "adv"
    assert.equal(150, runs.xml_elements(page).img)
    assert.is_nil(page:find("Questions", 1, true))
    local r = report("c", "--markdown", "-")
    assert.matches("^# c\n", r.out)
  end)

  it("says what is wrong, with the exit codes of the command line", function()
    local function fails(code, text, ...)
      local r = report(...)
      assert.equal(code, r.code)
      has(r.err, text)
      assert.equal("", r.out)
    end
    fails(2, "vgglua report: want a run: vgglua report RUN")
    fails(3, "report: no run 'adw' in '" .. root .. "'. Did you mean 'adv'?", "adw")
    fails(3, "has no complete epoch yet", "empty")
    fails(3, "report: ", "c", "--output", root .. "/no/such/place.html")
    local r = process.run { "compare", "a", "adv", "--runs-dir", root }
    assert.equal(3, r.code)
    has(r.err, "'" .. root .. "/adv' is an attack on a model, not its training")
  end)
end)
