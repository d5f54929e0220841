-- TensorBoard's files: byte for byte what its own classes write (tests/parity/make_tensorboard.py),
-- and what a run leaves in them.
package.path = "tests/train/?.lua;tests/log/?.lua;" .. package.path
local fake = require "fake"
local core = require "vgg.core"
local hparams = require "vgg.log.tensorboard.hparams"
local log = require "vgg.log"
local runs = require "vgg.train.runs"
local tfevents = require "tfevents"

local function read(path)
  local f = assert(io.open(path, "rb"))
  local text = f:read "*a"
  f:close()
  return text
end

local function event_files(dir)
  local list = {}
  for _, name in ipairs(core.fs.list(dir)) do
    if name:match "tfevents" then list[#list + 1] = dir .. "/" .. name end
  end
  return list
end

describe("event records", function()
  local tb = core.log
  local at = 1700000000

  it("equal those of TensorBoard's own writer", function()
    local metrics, charts, in_order = hparams.metrics, hparams.charts, hparams.first
    hparams.first = {}
    hparams.metrics = { "val/acc", "val/loss" }
    hparams.charts = { { title = "loss", tags = { "train/loss", "val/loss" } },
      { title = "rate", tags = { "lr-.*" } } }
    local bytes = {}
    for i = 0, 255 do bytes[i + 1] = string.char(i) end
    local png = "\137PNG" .. table.concat(bytes):rep(80)
    local session = hparams.start({ lr = 1e-3, augment = "dlcv", dropout = false }, "first", at)
    local ours = {
      tb.tb_version(at),
      tb.tb_scalars(at, 7, { ["val/loss"] = 0.1 }),
      tb.tb_scalars(at, 2 ^ 40, { zero = 0 }),
      tb.tb_scalars(at, 1, { odd = 1 / 0 }),
      tb.tb_png(at, 3, "train/confmat", png, 500, 3),
      tb.tb_histogram(at, 4, "weights", { min = -1.5, max = 2.5, num = 6, sum = 3.25,
        sum_squares = 9.5, bins = { -1.5, -0.5, 0.5, 2.5 }, counts = { 1, 2, 3 } }),
      tb.tb_tensor(at, 5, "val/samples_labels", "text", "", { "pred: K\195\164fer" }),
      session[1], session[2],
      hparams.finish(false, at, 9),
      hparams.layout(at),
      tb.tb_restart(at, 42),
      tb.tb_graph(at, core.log.protobuf { { 1, "message", { { 1, "string", "input" },
        { 2, "string", "Placeholder" } } } }),
    }
    hparams.metrics, hparams.charts, hparams.first = metrics, charts, in_order
    local theirs, rest = tfevents.records(read "tests/parity/tensorboard.tfevents")
    assert.equal(0, rest)
    assert.equal(#theirs, #ours)
    for i, record in ipairs(ours) do
      local payload = tfevents.records(record)
      assert.equal(theirs[i], payload[1], "record " .. i)
    end
    assert.equal(read "tests/parity/tensorboard.tfevents", table.concat(ours))
  end)

  it("hold several scalars", function()
    local e = tfevents.read(tb.tb_scalars(at, 3, { a = 1, b = -0.5, text = "no", [1] = 3 }))
    assert.same({ a = { { 3, 1 } }, b = { { 3, -0.5 } } }, tfevents.by_tag(e))
  end)

  it("count histograms", function()
    local h = core.log.histogram(core.tensor({ 0, 0.5, 1, 1, 4, 0 / 0, 1 / 0 }):tobytes(), 4)
    assert.same({ bins = { 0, 1, 2, 3, 4 }, counts = { 2, 2, 0, 1 }, min = 0, max = 4, num = 5,
      sum = 6.5, sum_squares = 18.25 }, h)
    h = core.log.histogram(core.tensor({ 3, 3 }):tobytes(), 2)
    assert.same({ 2.5, 3, 3.5 }, h.bins)
    assert.same({ 0, 2 }, h.counts)
    h = core.log.histogram("", 2)
    assert.equal(0, h.num)
    assert.same({ 0, 0 }, h.counts)
  end)
end)

describe("hparams.yaml", function()
  it("quotes text and keeps numbers numbers", function()
    assert.equal('run: "a\\"b"\nclip: "inf"\nlogger: "jsonl,wandb"\nlr: 0.001\nseed: 3735928559\n'
      .. 'small: 1.0e-05\nswitch: false\ntiny: 2.5e-07\n', hparams.yaml({ lr = 1e-3,
      seed = 0xDEADBEEF, small = 1e-5, tiny = 2.5e-7, switch = false, logger = { "jsonl", "wandb" },
      clip = math.huge }, 'a"b'))
  end)
end)

describe("the tensorboard logger", function()
  local dir, run
  before_each(function()
    dir = fake.directory()
    run = runs.at(dir)
  end)
  after_each(function() fake.remove(dir) end)

  local function open(context)
    context = context or {}
    context.tb_logs, context.experiment = dir .. "/tb", "finetune"
    return log.open({ "tensorboard" }, run, context)
  end

  it("takes the next free version", function()
    assert(core.fs.mkdir(dir .. "/tb/finetune/version_4"))
    assert(core.fs.mkdir(dir .. "/tb/finetune/other"))
    local list = open()
    assert.equal(dir .. "/tb/finetune/version_5", list[1].dir)
    assert.equal("tensorboard --logdir " .. dir .. "/tb", list[1]:view())
    list:close()
    list = log.open({ "tensorboard" }, runs.at(dir), { flags = { tb_logs = dir .. "/tb" },
      experiment = "experiments/adv attacks.lua" })
    assert.equal(dir .. "/tb/adv_attacks/version_0", list[1].dir)
    list:close()
  end)

  it("writes what a run logs, on its axes", function()
    local list = open()
    list:log_config { flags = { lr = 1e-3, augment = "dlcv" } }
    list:log_metrics { type = "step", epoch = 1, step = 50, batch = 50, ["train/loss_step"] = 2,
      ["lr-Adam"] = 1e-3, timing = { wall = 1 } }
    list:log_metrics { type = "epoch", epoch = 1, step = 50, ["val/loss"] = 1.5, ["lr-Adam"] = 1,
      best = true, timing = { images_per_second = 100 } }
    list:log_metrics { type = "test", checkpoint = "last", epoch = 1, ["test/acc"] = 0.25 }
    list:log_metrics { type = "test", checkpoint = "best", epoch = 1, ["test/acc"] = 0.5 }
    local tensor = core.zeros({ 3, 4, 4 })
    list:log_images { key = "val/samples", epoch = 3, images = { log.Image(tensor,
      { caption = "pred: cat, true: dog" }), log.Image(tensor) } }
    list:log_confusion_matrix { key = "best/conf_mat", epoch = 1, matrix = { { 1, 2 }, { 3, 4 } } }
    list:log_histogram { key = "w", values = core.tensor { 1, 2, 3 }, step = 50 }
    list:log_histogram { key = "c", bins = { 0, 1, 3 }, counts = { 2, 1 }, step = 50 }
    list:log_text { key = "note", text = "hello", epoch = 3 }
    list:log_table { key = "t", columns = { "image", "label" }, rows = { { log.Image(tensor),
      "a|b" } }, epoch = 3 }
    list:log_summary({ ["best/acc"] = 0.75 }, {})
    list:close()
    tensor:free()
    local files = event_files(dir .. "/tb/finetune/version_0")
    assert.equal(1, #files)
    local events, rest = tfevents.read(read(files[1]))
    assert.equal(0, rest)
    assert.equal("brain.Event:2", events[1].version)
    assert.is_true(math.abs(events[1].wall - os.time()) < 60)
    local by = tfevents.by_tag(events)
    assert.same({ { 50, 2 } }, by["train/loss_step"])
    assert.equal(1, #by["lr-Adam"]) -- once a step
    assert.same({ { 50, 1 } }, by.epoch)
    assert.same({ { 50, 1.5 } }, by["val/loss"])
    assert.same({ { 50, 100 } }, by.images_per_second)
    assert.same({ { 50, 0.5 } }, by["test/acc"])
    assert.same({ { 50, 0.25 } }, by["test_last/acc"])
    assert.same({ { 50, 0.75 } }, by["best/acc"])
    local samples = by["val/samples"][1]
    assert.equal(3, samples[1])
    assert.same({ samples[2].image.width, samples[2].image.height },
      { log.Image { png = samples[2].image.png }:size() })
    assert.equal(3, by["best/conf_mat"][1][1]) -- never before earlier pictures
    assert.equal("1. pred: cat, true: dog", by["val/samples_labels"][1][2].strings[1])
    assert.equal("text", by["val/samples_labels"][1][2].plugin)
    assert.equal("hello", by.note[1][2].strings[1])
    assert.matches("| image | label |\n| --- | --- |\n| image | a\\|b |", by.t[1][2].strings[1], 1,
      true)
    assert.is_table(by.t[2][2].image)
    assert.equal(3, by.w[1][2].histogram[3][1])
    assert.equal(3, by.c[1][2].histogram[4][1])
    assert.equal("hparams", by["_hparams_/session_end_info"][1][2].plugin)
    assert.equal("custom_scalars", by["custom_scalars__config__"][1][2].plugin)
    assert.matches('augment: "dlcv"\nlr: 0.001\n', read(dir
      .. "/tb/finetune/version_0/hparams.yaml"), 1, true)
  end)

  it("goes on in its directory, in a later file, from the checkpoint's step", function()
    local list = open()
    list:log_metrics { type = "epoch", epoch = 1, step = 10, ["val/loss"] = 1 }
    list:log_metrics { type = "epoch", epoch = 2, step = 20, ["val/loss"] = 2 }
    list:close()
    list = open { resumed = true }
    list:resume { rows = 1, step = 10, epoch = 1 }
    list:log_metrics { type = "epoch", epoch = 2, step = 20, ["val/loss"] = 3 }
    list:close()
    local files = event_files(dir .. "/tb/finetune/version_0")
    assert.equal(2, #files)
    local events = tfevents.read(read(files[2]))
    assert.equal("brain.Event:2", events[1].version)
    assert.is_true(events[2].restart)
    assert.equal(11, events[2].step)
    assert.same({ { 20, 3 } }, tfevents.by_tag(events)["val/loss"])
  end)

  it("repeats the scalars that the restart of the pictures' axis made void", function()
    local both = log.open({ "jsonl", "tensorboard" }, run, { tb_logs = dir .. "/tb" })
    local function rows(first, last)
      for step = first, last do
        both:log_metrics { type = "step", step = step, a = step, timing = { wall = 1000 + step } }
      end
    end
    rows(1, 20)
    both:log_metrics { type = "epoch", epoch = 2, step = 20, b = 2, timing = { wall = 1 } }
    rows(21, 25)
    both:close()
    both = log.open({ "tensorboard", "jsonl" }, run, { tb_logs = dir .. "/tb", resumed = true })
    both:resume { rows = 21, step = 20, epoch = 2 }
    rows(21, 22)
    both:close()
    local files = event_files(dir .. "/tb/run/version_0")
    local events = tfevents.read(read(files[2]))
    assert.equal(3, events[2].step)
    local by, want = tfevents.by_tag(events), {}
    for step = 3, 22 do want[#want + 1] = { step, step } end
    assert.same(want, by.a)
    assert.same({ { 20, 2 } }, by.b)
    assert.equal(1003, events[3].wall)
    assert.equal(23, #fake.rows(run:path "metrics.jsonl"))
  end)

  it("tells the whole story of a resumed run that it did not see", function()
    local list = log.open({ "jsonl" }, run)
    for step = 1, 5 do list:log_metrics { type = "step", step = step, a = step } end
    list:close()
    list = log.open({ "jsonl", "tensorboard" }, run, { tb_logs = dir .. "/tb", resumed = true })
    list:resume { rows = 4, step = 4, epoch = 2 }
    list:log_config { flags = { lr = 1 } }
    list:close()
    local events = tfevents.read(read(event_files(dir .. "/tb/run/version_0")[1]))
    local by = tfevents.by_tag(events)
    assert.same({ { 1, 1 }, { 2, 2 }, { 3, 3 }, { 4, 4 } }, by.a)
    assert.is_table(by["_hparams_/session_start_info"])
    for _, e in ipairs(events) do assert.is_false(e.restart) end
  end)

  it("can be reached raw from a hook", function()
    local list = open()
    list:get "tensorboard":add(core.log.tb_scalars(nil, 3, { mine = 4 }))
    list:get "tensorboard":add_scalars({ other = 5 }, 6)
    list:flush()
    local by = tfevents.by_tag(tfevents.read(read(event_files(list[1].dir)[1])))
    assert.same({ { 3, 4 } }, by.mine)
    assert.same({ { 6, 5 } }, by.other)
    list:close()
  end)
end)

describe("the graph", function()
  local function recorded(model, x)
    local graph = require("vgg.log.tensorboard.graph").listen(model, x)
    core.scope(function() model(x) end)
    local edges = {}
    for i, node in ipairs(graph.nodes) do
      edges[i] = node.name .. " <- " .. table.concat(node.inputs, " ")
    end
    return edges, graph
  end

  it("has the layers of a model and what flows between them", function()
    local nn = require "vgg.nn"
    local x = core.zeros { 2, 3, 4, 4 }
    local model = nn.Sequential { nn.Sequential { nn.Conv2d { 3, 5, kernel = 1 }, nn.ReLU {} },
      nn.Flatten {}, nn.Linear { 80, 7 } }
    local edges, graph = recorded(model, x)
    assert.same({ "input <- ", "0/Conv2d_0 <- input", "0/ReLU_1 <- 0/Conv2d_0",
      "Flatten_1 <- 0/ReLU_1", "Linear_2 <- Flatten_1" }, edges)
    local f = tfevents.fields(graph:finish())
    assert.equal(5, #f[1])
    local node = tfevents.fields(f[1][5])
    assert.equal("Linear_2", node[1][1])
    assert.equal("Linear", node[2][1])
    assert.equal("Flatten_1", node[3][1])
    local values = {}
    for _, entry in ipairs(node[5]) do
      local pair = tfevents.fields(entry)
      values[pair[1][1]] = tfevents.fields(pair[2][1])
    end
    assert.equal(567, values.parameters[3][1])
    assert.equal("Linear 80 -> 7", values.layer[2][1])
    local shape = tfevents.fields(tfevents.fields(values._output_shapes[1][1])[7][1])
    assert.equal(7, tfevents.fields(shape[2][2])[1][1])
    x:free()
  end)

  it("joins what a sum brings together", function()
    local nn = require "vgg.nn"
    local Sum = nn.class "Sum"
    function Sum:init()
      self.a, self.b, self.c = nn.Linear { 2, 2 }, nn.Linear { 2, 2 }, nn.ReLU {}
    end
    function Sum:forward(x) return self.c(self.a(x) + self.b(x)) end
    local x = core.zeros { 1, 2 }
    assert.same({ "input <- ", "Linear_a <- input", "Linear_b <- input",
      "ReLU_c <- Linear_a Linear_b" }, (recorded(Sum(), x)))
    x:free()
  end)
end)
