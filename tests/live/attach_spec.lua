-- A prompt inside a training: over the socket, and by Ctrl-\ on a terminal. Looking changes
-- nothing.
local checkpoint = require "vgg.checkpoint"
local json = require "vgg.json"
local process = require "tests.train.process"
local support = require "tests.support.process"

local dir, remove

local function read(path)
  local f = io.open(path, "rb")
  local text = f and f:read "*a" or ""
  if f then f:close() end
  return text
end

-- Rows of a run without times and events.
local function rows(run)
  local list = {}
  for line in read(("%s/runs/%s/metrics.jsonl"):format(dir, run)):gmatch "[^\n]+" do
    local row = json.decode(line)
    row.timing = nil
    if row.type ~= "event" then list[#list + 1] = json.encode(row) end
  end
  return list
end

local function events(run)
  local list = {}
  for line in read(("%s/runs/%s/metrics.jsonl"):format(dir, run)):gmatch "[^\n]+" do
    local row = json.decode(line)
    if row.event == "prompt" then list[#list + 1] = row end
  end
  return list
end

local function weights(run)
  local t = assert(checkpoint.load(("%s/runs/%s/last.safetensors"):format(dir, run)))
  local list = {}
  for name, tensor in pairs(t.tensors) do
    list[name] = tensor:tobytes()
    tensor:free()
  end
  return list, t.meta
end

local flags = "--max-epochs 3 --log-every-n-steps 1 --runs-dir "

-- Starts a training in the background that waits at step 4 for a client; returns its end.
local function background(run, extra)
  local err = dir .. "/" .. run .. ".err"
  local line = ("EDIT_AT='4:touch %s/%s.here; sleep 1' %s tests/live/editable.lua %s%s/runs "
    .. "--run-name %s --repl %s >/dev/null 2>%s </dev/null; echo $? >%s.code"):format(dir, run,
    support.vgglua, flags, dir, run, extra or "", err, err)
  os.execute("(" .. line .. ") &")
  local function wait_for(path)
    support.shell(("for i in $(seq 400); do test -e %s && break; sleep 0.05; done"):format(path))
  end
  wait_for(dir .. "/" .. run .. ".here")
  return function()
    wait_for(err .. ".code")
    return tonumber(read(err .. ".code")), read(err)
  end
end

local function attach(run, entries)
  return support.run({ "attach", run, "--runs-dir", dir .. "/runs" }, { stdin = entries })
end

describe("vgglua attach", function()
  before_each(function() dir, remove = support.directory() end)
  after_each(function() remove() end)

  it("opens a prompt between two steps; looking changes no bit", function()
    local plain = process.run("tests/live/editable.lua " .. flags .. dir .. "/runs --run-name a")
    assert.equal(0, plain.code, plain.err)
    local finish = background "b"
    local r = attach("b", table.concat({ "trainer.position.step", "model.training",
      "local x = train_loader:get(1, 0)", "model(x).shape", "p = vgg.probe(model, '2');",
      "model(x);", "p.act.shape", "p:remove()", "vgg.randn({ 3 });", "model:train();",
      "print('said', 7)", "model:trace(x);", "modle", ":continue" }, "\n") .. "\n")
    assert.equal(0, r.code, r.err)
    assert.matches("training waits at epoch 1 after batch %d+ of 18", r.out)
    assert.matches("\n[4-9]\nfalse\n{ 20, 10 }\n{ 20, 4, 30, 30 }\n", r.out)
    assert.matches("said\t7\n", r.out, 1, true)
    assert.equal("error: no variable 'modle' (did you mean 'model'?)\n  input:1: modle\n", r.err)
    local code, err = finish()
    assert.equal(0, code, err)
    assert.matches("prompt  vgglua attach b; standard input and output are no terminal", err, 1,
      true)
    assert.same(rows "a", rows "b")
    local a, a_meta = weights "a"
    local b, b_meta = weights "b"
    for name, bytes in pairs(a) do assert.is_true(bytes == b[name], name) end
    assert.same(a_meta.random, b_meta.random)
    assert.equal("print('said', 7)", events("b")[1].typed[11])
    assert.equal("", read(dir .. "/runs/b/attach.sock"))
    assert.equal(3, attach("b", "1\n").code)
  end)

  it("changes what it is told to change, and stops a loop when the client goes", function()
    local finish = background("c", "--max-steps 40")
    local r = attach("c", "optimizer.param_groups[1].lr = 0.0001\n")
    assert.equal(0, r.code, r.err)
    local kill = ("(echo 'while true do end'; sleep 1; echo 1) | timeout -s KILL 1 %s attach c "
      .. "--runs-dir %s/runs"):format(support.vgglua, dir)
    support.shell(kill)
    local code, err = finish()
    assert.equal(0, code, err)
    local _, meta = weights "c"
    assert.equal(1e-4, meta.optimizer.groups[1].lr)
    assert.equal(40, meta.position.step)
  end)

  it("says what is missing", function()
    local r = attach("nothing", "")
    assert.equal(3, r.code)
    assert.matches("attach: no run 'nothing'", r.err, 1, true)
    assert.equal(2, support.run({ "attach" }).code)
  end)
end)

describe("Ctrl-\\ in a training with --repl", function()
  before_each(function() dir, remove = support.directory() end)
  after_each(function() remove() end)

  it("opens the prompt; Ctrl-C in it stops what was typed, :continue goes on", function()
    local driver, why = support.driver()
    if not driver then return pending(why) end
    local r = support.terminal({ "tests/live/editable.lua", "--max-epochs", "2", "--repl",
      "--runs-dir", dir .. "/runs", "--run-name", "t" }, { "expect opens it between two steps",
      "expect now", "wait 200", "send \\x1c", "expect training waits at", "expect vgg> ",
      "send trainer.position.step\\n", "expect vgg> ", "send while true do end\\n", "wait 400",
      "send \\x03", "expect interrupted (", "expect vgg> ", "send :continue\\n", "expect epoch  1",
      "expect epoch  2", "wait 300" }, ("NO_COLOR=1 TERM=xterm XDG_STATE_HOME=%s "
      .. "\"EDIT_AT=4:echo now\""):format(dir))
    assert.equal("", r.err)
    assert.equal(0, r.code)
    local seconds, unit = r.out:match "interrupted %(([%d.]+) (m?s)%)"
    assert.is_true(unit == "ms" or tonumber(seconds) < 1.4, seconds)
    assert.equal("trainer.position.step", events("t")[1].typed[1])
  end)
end)
