-- Live edits: what is safe applies between two steps, the rest is named, a broken edit stops
-- nothing, and a resumed run goes on with what was applied.
local checkpoint = require "vgg.checkpoint"
local json = require "vgg.json"
local process = require "tests.train.process"
local support = require "tests.support.process"

local dir, remove, script

local function read(path)
  local f = assert(io.open(path, "rb"))
  local text = f:read "*a"
  f:close()
  return text
end

local function events(run)
  local list = {}
  for line in read(("%s/runs/%s/metrics.jsonl"):format(dir, run)):gmatch "[^\n]+" do
    local row = json.decode(line)
    if row.event == "edit" then list[#list + 1] = row end
  end
  return list
end

-- Trains; at a step the script becomes one with plain texts replaced: { { from, to } ... }.
local function train(run, step, edits, flags)
  local text = read(script)
  for _, e in ipairs(edits) do
    local first, last = text:find(e[1], 1, true)
    assert(first, e[1])
    text = text:sub(1, first - 1) .. e[2] .. text:sub(last + 1)
  end
  support.write(dir .. "/edited", text)
  return process.run(("%s --watch --runs-dir %s/runs --run-name %s --max-epochs 2 %s"):format(
    script, dir, run, flags or ""), ("EDIT_AT=\"%d:cp %s/edited %s\""):format(step, dir, script))
end

describe("--watch", function()
  before_each(function()
    dir, remove = support.directory()
    script = dir .. "/script.lua"
    support.write(script, read "tests/live/editable.lua")
  end)
  after_each(function() remove() end)

  it("applies a new learning rate, and a resumed run keeps it", function()
    local r = train("a", 4, { { '"lr", 1e-3', '"lr", 1e-4' } }, "--max-steps 20")
    assert.equal(0, r.code, r.err)
    assert.matches("script.lua changed, from step %d+ on: lr 0.001 %-> 0.0001\n", r.err)
    local e = events "a"
    assert.equal(1, #e)
    assert.same({ "lr 0.001 -> 0.0001" }, e[1].applied)
    assert.is_true(e[1].step > 4 and e[1].step <= 10)
    assert.equal(read "tests/live/editable.lua", read(dir .. "/runs/a/script.1.lua"))
    assert.equal(read(script), read(dir .. "/runs/a/" .. e[1].script))
    local meta = checkpoint.inspect(dir .. "/runs/a/last.safetensors").meta
    assert.equal(1e-4, meta.optimizer.groups[1].lr)
    assert.equal(1e-4, meta.config.flags.lr)
    r = process.run(("%s --runs-dir %s/runs --resume a --max-steps 25"):format(script, dir))
    assert.equal(0, r.code, r.err)
    meta = checkpoint.inspect(dir .. "/runs/a/last.safetensors").meta
    assert.equal(25, meta.position.step)
    assert.equal(1e-4, meta.optimizer.groups[1].lr)
  end)

  it("applies clipping, limits, callbacks and augmentation; names what needs a restart", function()
    local r = train("b", 4, {
      { "pictures = false,", "pictures = false, gradient_clip_val = 0.5, max_steps = 30, "
        .. "log_every_n_steps = 7," },
      { '"batch_size", 20', '"batch_size", 10' },
      { "callbacks = { pause() }", "callbacks = { pause(), { name = 'later', on_fit_end = "
        .. "function(_, t) print(model:num_parameters(), model == t.task.model) end } }" },
      { '{ "threads", 1', '{ "augment", "none", "-" }, { "threads", 1' },
    })
    assert.equal(0, r.code, r.err)
    local e = events "b"
    assert.equal(1, #e)
    local applied = table.concat(e[1].applied, "\n")
    assert.matches("gradient_clip_val none -> 0.5", applied, 1, true)
    assert.matches("log_every_n_steps 50 -> 7", applied, 1, true)
    assert.matches("max_steps no limit -> 30", applied, 1, true)
    assert.matches("callback later added", applied, 1, true)
    assert.matches("augmentation: .*hole.* %-> ", applied:gsub("dropout", "hole"))
    assert.same({ "--batch-size 20 -> 10" }, e[1].restart)
    assert.matches("needs a restart: --batch-size 20 -> 10\n", r.err, 1, true)
    assert.matches("1130\ttrue", r.out, 1, true) -- the model that trains, not a copy
    local meta = checkpoint.inspect(dir .. "/runs/b/last.safetensors").meta
    assert.equal(30, meta.position.step)
    assert.equal(0.5, meta.config.trainer.gradient_clip_val)
    assert.matches("20", meta.config.data.train)
  end)

  it("names a changed model and leaves the training as it was", function()
    local plain = process.run(("tests/live/editable.lua --runs-dir %s/runs --run-name p "
      .. "--max-epochs 2"):format(dir))
    assert.equal(0, plain.code, plain.err)
    local r = train("c", 4, { { "Dropout { 0.1 }", "Dropout { 0.4 }" } })
    assert.equal(0, r.code, r.err)
    assert.same({ "the model" }, events("c")[1].restart)
    for _, file in ipairs { "p", "c" } do
      local t = assert(checkpoint.load(("%s/runs/%s/last.safetensors"):format(dir, file)))
      if file == "p" then plain = t else
        for name, tensor in pairs(t.tensors) do
          assert.equal(plain.tensors[name]:tobytes(), tensor:tobytes(), name)
          tensor:free()
          plain.tensors[name]:free()
        end
        assert.same(plain.meta.random, t.meta.random)
      end
    end
  end)

  it("goes on over broken scripts", function()
    for i, case in ipairs {
      { "local model = nn", "local model = = nn", "unexpected symbol near '='" },
      { "nn.ReLU {}", "nn.Rule {}", "attempt to call field 'Rule'" },
      { "trainer:fit", "local _ =", "it ends without fit{}" } } do
      support.write(script, read "tests/live/editable.lua")
      local r = train("d" .. i, 4, { case })
      assert.equal(0, r.code, r.err)
      assert.matches("not applied, training goes on as before", r.err, 1, true)
      assert.matches(case[3], r.err, 1, true)
      assert.matches(case[3], events("d" .. i)[1].error, 1, true)
      assert.matches("epoch  2", r.err, 1, true)
    end
  end)
end)
