-- The trainer with real layers: memory, causes of bad numbers, models from files.
package.path = "tests/train/?.lua;" .. package.path
local fake = require "fake"
local vgg = require "vgg"
local core, nn, train = vgg.core, vgg.nn, vgg.train

local dir

-- A loader of n batches made beforehand.
local function batches(n, size, spoil)
  local x, y = {}, {}
  vgg.manual_seed(5)
  for i = 1, n do
    x[i] = core.randn({ size, 3, 8, 8 }):keep()
    local labels = {}
    for j = 1, size do labels[j] = (i + j) % 4 end
    y[i] = core.tensor(labels, "int64"):keep()
    if spoil and spoil[i] then spoil[i](x, i) end
  end
  local loader = { shuffle = false }
  function loader.len() return n end
  function loader.size_of() return size end
  function loader.get(_, k) return x[k], y[k] end
  return loader
end

local function net()
  vgg.manual_seed(1)
  return nn.Sequential {
    nn.Conv2d { 3, 4, kernel = 3, pad = 1 }, nn.BatchNorm2d { 4 }, nn.ReLU {}, nn.MaxPool2d { 2 },
    nn.Flatten {}, nn.Dropout { 0.2 }, nn.Linear { 4 * 4 * 4, 4 },
  }
end

local function trainer(model, o)
  o.model, o.classes = model, o.classes == nil and 4 or o.classes
  o.optimizer = o.optimizer or vgg.optim.Adam { model, lr = o.lr or 1e-3 }
  o.lr, o.runs_dir, o.header, o.progress = nil, dir, false, false
  o.max_epochs = o.max_epochs or 1
  return train.Trainer(o)
end

local function failure(fn, ...)
  local ok, e = pcall(fn, ...)
  assert.is_false(ok)
  assert.is_true(vgg.util.is_failure(e), tostring(e))
  return e
end

describe("training a net", function()
  before_each(function() dir = fake.directory() end)
  after_each(function() fake.remove(dir) end)

  it("2,000 steps ask the system for nothing after step 3 and leave nothing behind", function()
    local model, loader, marks = net(), batches(20, 4), {}
    local function train_steps(epochs)
      local steps = 0
      local t = trainer(model, { max_epochs = epochs, save = false, callbacks = { {
        on_step_boundary = function()
          steps = steps + 1
          if steps ~= 3 and steps ~= 2000 then return end
          collectgarbage()
          collectgarbage()
          local m, h = core.device.memory(), core.device.host_memory()
          marks[steps] = { m.device_allocs, m.live, m.blocks, h.caching and h.system_calls or 0,
            h.tensors }
        end,
      } } })
      t:fit { train = loader }
      return steps
    end
    local function left()
      jit.flush()
      collectgarbage()
      collectgarbage()
      local m, h = core.device.memory(), core.device.host_memory()
      local threads = assert(io.open "/proc/self/status"):read "*a":match "Threads:%s*(%d+)"
      return { m.live, m.blocks, h.tensors, tonumber(threads) }
    end
    train_steps(1) -- what is made once a process: primitives, the team
    local before = left()
    assert.equal(2000, train_steps(100))
    assert.same(marks[3], marks[2000])
    assert.same(before, left())
  end)

  it("names the layer whose output is not finite first", function()
    local model, loader = net(), batches(4, 4)
    model[7].weight:set_grad(nil)
    core.no_grad(function() model[2].running_mean:fill_(1) end)
    local t = trainer(model, { callbacks = { {
      on_train_batch_start = function(_, tr, k)
        if k == 3 then core.no_grad(function() tr.task.model[1].bias:fill_(3e38) end) end
      end,
    } } })
    local e = failure(t.fit, t, { train = loader })
    assert.equal(4, e.exit)
    assert.matches("train: loss is NaN at epoch 1 step 3. First non-finite value: output of 1 "
      .. "(BatchNorm2d). lr 0.001, grad norm ", e.message, 1, true)
    assert.matches("nan.safetensors; try --lr 0.0001 or --gradient-clip-val 1", e.message, 1, true)
    local path = e.message:match "Saved (%S+);"
    assert.equal(2, vgg.checkpoint.inspect(path).meta.position.step)
  end)

  it("names bad images and bad weights", function()
    local e
    local loader = batches(3, 4, { [2] = function(x, i)
      x[i] = (x[i] / core.tensor(0)):keep()
    end })
    local t = trainer(net(), {})
    e = failure(t.fit, t, { train = loader })
    assert.matches("First non-finite value: the input images", e.message, 1, true)
    local model = net()
    core.no_grad(function() model[7].weight:fill_(0 / 0) end)
    t = trainer(model, {})
    e = failure(t.fit, t, { train = batches(3, 4) })
    assert.matches("First non-finite value: weight of 6 (Linear)", e.message, 1, true)
  end)

  it("names the gradient", function()
    local model = net()
    local t = trainer(model, { callbacks = { {
      on_train_batch_end = function(_, tr, k)
        local g = k == 2 and tr.task.model[1].weight.grad
        if g then core.no_grad(function() g:fill_(1 / 0) end) end
      end,
    } } })
    local e = failure(t.fit, t, { train = batches(3, 4) })
    assert.matches("train: gradient is infinite at epoch 1 step 2. First non-finite value: "
      .. "gradient of 0 (Conv2d)", e.message, 1, true)
  end)

  it("measures equal accuracies and loss however the data is cut into batches", function()
    local model, whole = net(), batches(1, 20)
    local x, y = whole:get(1)
    local t = trainer(model, { save = false })
    local big = t:validate { data = whole }
    local sizes = { 8, 8, 4 }
    local parts = { at = { 0, 8, 16 } }
    function parts.len() return 3 end
    function parts.size_of(_, k) return sizes[k] end
    function parts:get(k)
      return x:narrow(1, self.at[k] + 1, sizes[k]), y:narrow(1, self.at[k] + 1, sizes[k])
    end
    local cut = t:validate { data = parts }
    assert.near(big.loss, cut.loss, 1e-6)
    assert.equal(big.acc, cut.acc)
    assert.equal(big.acc_macro, cut.acc_macro)
  end)

  it("clips by norm and by value, and logs the norm before", function()
    local function norms(o)
      local model, seen = net(), {}
      o.callbacks = { { on_before_optimizer_step = function(_, tr)
        seen[#seen + 1] = vgg.optim.grad_norm(tr.parameters)
      end } }
      o.log_every_n_steps = 1
      local t = trainer(model, o)
      t:fit { train = batches(3, 4) }
      return seen, fake.rows(t.run:path "metrics.jsonl")
    end
    local free, rows = norms {}
    assert.near(free[1], rows[1].grad_norm, 1e-9)
    local clipped
    clipped, rows = norms { gradient_clip_val = 0.01 }
    assert.near(0.01, clipped[1], 1e-5)
    assert.near(free[1], rows[1].grad_norm, 1e-9)
    clipped = norms { gradient_clip_val = 1e-4, gradient_clip_algorithm = "value" }
    assert.is_true(clipped[1] > 1e-4 and clipped[1] < 1e-4 * 400 ^ 0.5)
  end)

  it("accumulated batches give the step of one large batch", function()
    local function after(o, sizes)
      vgg.manual_seed(1)
      local model = nn.Sequential { nn.Flatten {}, nn.Linear { 192, 4 } }
      local whole = batches(1, 8)
      local x, y = whole:get(1)
      local loader, n = {}, 8 / sizes
      function loader.len() return n end
      function loader.size_of() return sizes end
      function loader.get(_, k)
        local from = (k - 1) * sizes + 1
        return x:narrow(1, from, sizes), y:narrow(1, from, sizes)
      end
      o.save = false
      trainer(model, o):fit { train = loader }
      return model[2].weight:totable()
    end
    local one, four = after({}, 8), after({ accumulate_grad_batches = 4 }, 2)
    for i = 1, 4 do
      for j = 1, 192 do assert.near(one[i][j], four[i][j], 1e-6) end
    end
  end)

  it("warns of a loss that stays at chance level", function()
    local said
    local log = vgg.util.log
    vgg.util.log = function(level, fmt, ...)
      if level == "warn" then said = fmt:format(...) end
    end
    local model = nn.Sequential { nn.Flatten {}, nn.Linear { 192, 4 } }
    core.no_grad(function()
      model[2].weight:fill_(0)
      model[2].bias:fill_(0)
    end)
    local t = trainer(model, { save = false, max_epochs = 10, lr = 1e-12,
      callbacks = { vgg.callbacks.ChanceLevel { steps = 30 } } })
    local ok, e = pcall(t.fit, t, { train = batches(4, 4) })
    vgg.util.log = log
    assert(ok, e)
    assert.matches("train: loss has stayed at 1.386 = ln(4), chance level, for 30 steps; "
      .. "first-layer gradient norm ", said, 1, true)
    assert.matches("try --batchnorm", said, 1, true)
  end)

  it("tests the best weights, then the model holds them; both are labelled", function()
    local model = net()
    local t = trainer(model, { max_epochs = 3, lr = 0.05 })
    t:fit { train = batches(4, 8), valid = batches(2, 8) }
    if t.best.epoch == 3 then t.best.step = 0 end -- whatever the numbers: two tests
    local tests = t:test_both(batches(2, 8))
    assert.equal("last", tests.last.label)
    assert.equal("best", tests.best.label)
    local file = vgg.checkpoint.load(t.run:path "best.safetensors", { skip = "optimizer." })
    for name, tensor in pairs(model:state_dict()) do
      assert.equal(file.tensors[name]:tobytes(), tensor:tobytes())
    end
    local last = t.rows and fake.rows(t.run:path "metrics.jsonl")
    assert.equal("best/conf_mat", last[#last].key)
    local sum = 0
    for i, row in ipairs(last[#last].confusion_matrix) do
      local total = 0
      for _, n in ipairs(row) do total = total + n end
      assert.equal(4, total, "row " .. i) -- 16 images, four classes in turn
      sum = sum + total
    end
    assert.equal(16, sum)
  end)

  it("says which batch would fit when memory runs out", function()
    local function fit(size)
      local model = net()
      return failure(function()
        trainer(model, { save = false }):fit { train = batches(1, size) }
      end)
    end
    collectgarbage()
    collectgarbage()
    core.device.set_memory_limit(core.device.memory().live + 6e6)
    local e = fit(2048)
    core.device.set_memory_limit(0)
    assert.equal(5, e.exit)
    assert.matches("memory: batch 2048 of Sequential needs ", e.message, 1, true)
    local fits = e.message:match "Largest that fits: ([%d,]+)%. Or %-%-batch%-size %d+"
    fits = tonumber((fits:gsub(",", "")))
    assert.is_true(fits > 100 and fits < 2048)
  end)

  it("a model is rebuilt from its file alone", function()
    vgg.models.register("net_spec", { options = { width = 4 }, build = function(o)
      return nn.Sequential { nn.Conv2d { 3, o.width, kernel = 3 }, nn.Flatten {},
        nn.Linear { o.width * 36, 4 } }
    end })
    local model = vgg.models.build("net_spec", { width = 5 })
    local t = trainer(model, { run_name = "x" })
    t:fit { train = batches(2, 4), valid = batches(1, 4) }
    for _, what in ipairs { dir .. "/x", dir .. "/x/last", dir .. "/x/best.safetensors" } do
      local again, meta = vgg.load(what)
      assert.is_false(again.training)
      assert.equal(1, meta.position.epoch)
      for name, tensor in pairs(model:state_dict()) do
        assert.equal(tensor:tobytes(), again:state_dict()[name]:tobytes())
      end
    end
    local e = failure(vgg.load, dir .. "/x/bets.safetensors")
    assert.equal(3, e.exit)
    assert.matches("not found. In " .. dir .. "/x: ", e.message, 1, true)
  end)
end)
