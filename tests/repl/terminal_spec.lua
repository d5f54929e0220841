-- The prompt on a pseudo-terminal, as a person uses it: editing, history, completion, Ctrl-C.
local process = require "tests.support.process"

local dir, remove

local function play(steps, options)
  local driver, why = process.driver()
  if not driver then return pending(why) end
  options = options or {}
  local env = ("XDG_STATE_HOME=%s TERM=%s %s"):format(dir, options.term or "xterm",
    options.env or "NO_COLOR=1")
  local r = process.terminal(options.arguments or {}, steps, env)
  assert.equal("", r.err)
  return r
end

describe("the prompt on a terminal", function()
  before_each(function() dir, remove = process.directory() end)
  after_each(function() remove() end)

  it("has a banner, a prompt, and ends with Ctrl-D", function()
    local r = play { "expect vgglua 0", "expect ? help", "expect vgg> ", "send 1 + 1\\n",
      "expect 2", "expect vgg> ", "send for i = 1, 2 do\\n", "expect ...> ",
      "send print(i * 10)\\n", "expect ...> ", "send end\\n", "expect 10", "expect 20",
      "expect vgg> ", "end" }
    assert.equal(0, r.code)
  end)

  it("gives way to Ctrl-C: a loop within a second, a line, an open entry", function()
    local r = play { "expect vgg> ", "send while true do end\\n", "wait 300", "send \\x03",
      "expect interrupted (", "expect vgg> ", "send x = 'half", "send \\x03", "expect ^C",
      "expect vgg> ", "send for i = 1, 2 do\\n", "expect ...> ", "send \\x03", "expect vgg> ",
      "send 20 + 3\\n", "expect 23", "expect vgg> ",
      "send local t = vgg.tensor while true do t { 1 } end\\n", "wait 200", "send \\x03",
      "expect interrupted (", "expect vgg> ", "send 30 + 4\\n", "expect 34", "expect vgg> ",
      "send \\x03\\x03\\x03", "wait 300", "expect vgg> ", "send 40 + 5\\n", "expect 45",
      "expect vgg> ", "end" }
    assert.equal(0, r.code)
    local seconds = tonumber(r.out:match("interrupted %(([%d.]+) s%)")) or 0
    assert.is_true(seconds < 1.3, "took " .. seconds)
  end)

  it("ends a stubborn entry at the second Ctrl-C", function()
    local r = play { "expect vgg> ",
      "send while true do pcall(function() while true do end end) end\\n", "wait 300",
      "send \\x03", "wait 300", "send \\x03", "wait 300" }
    assert.equal(130, r.code)
  end)

  it("recalls an entry of several lines as one block, also in the next session", function()
    play { "expect vgg> ", "send for i = 7, 7 do\\n", "expect ...> ", "send   print('i' .. i)\\n",
      "expect ...> ", "send end\\n", "expect i7", "expect vgg> ", "send \\e[A", "wait 200",
      "send \\n", "expect i7", "expect vgg> ", "end" }
    local f = assert(io.open(dir .. "/vgglua/history"))
    assert.equal("for i = 7, 7 do\\n  print('i' .. i)\\nend\n", f:read("*a"))
    f:close()
    local r = play { "expect vgg> ", "send \\e[A\\n", "expect i7", "expect vgg> ", "end" }
    assert.equal(0, r.code)
  end)

  it("completes fields, lists what is possible and indents", function()
    local r = play { "expect vgg> ", "send config = { learning_rate = 0.5, layers = 3 }\\n",
      "expect vgg> ", "send conf\\t", "expect ig", "send .le\\t\\n", "expect 0.5", "expect vgg> ",
      "send config.l\\t", "wait 200", "send \\t", "expect layers", "expect learning_rate",
      "send ayers\\n", "expect 3", "expect vgg> ", "end" }
    assert.equal(0, r.code)
  end)

  it("shows how long an entry took when that was 50 ms or more", function()
    local r = play { "expect vgg> ",
      "send local c = vgg.core.clock local s = c() while c() - s < 0.12 do end\\n", "expect  ms",
      "expect vgg> ", "send 1\\n", "expect 1", "absent ms", "expect vgg> ", "end" }
    assert.equal(0, r.code)
  end)

  it("has colour unless NO_COLOR or a dumb terminal forbids", function()
    local steps = { "expect vgg> ", "send 'green'\\n", 'expect "green"', "expect vgg> ", "end" }
    assert.is_truthy(play(steps, { env = "NO_COLOR=" }).out:find("\27[32m\"green\"\27[0m", 1, true))
    assert.is_nil(play(steps, { env = "NO_COLOR=1" }).out:find("\27[32m", 1, true))
    assert.is_nil(play(steps, { env = "NO_COLOR=", term = "dumb" }).out:find("\27[32m", 1, true))
  end)

  it("edits in the middle of a line, with UTF-8, and follows a changed width", function()
    local r = play { "expect vgg> ", "send #'a\195\164b'\\x01print(\\x05)\\n", "expect 4",
      "expect vgg> ", "size 40", "wait 100", "send 5 + 6\\n", "expect 11", "expect vgg> ", "end" }
    assert.equal(0, r.code)
  end)

  it("goes on after an error and reads the answer of a program it starts", function()
    local r = play { "expect vgg> ", "send error('oops')\\n", "expect error: oops",
      "expect   input:1: error('oops')", "expect vgg> ", "send $ read a; echo got $a\\n",
      "wait 200", "send word\\n", "expect got word", "expect vgg> ", "send os.exit(9)\\n" }
    assert.equal(9, r.code)
  end)

  local net = "m = vgg.nn.Sequential { vgg.nn.Conv2d { 3, 8, kernel = 3 }, vgg.nn.Flatten {}, "
    .. "vgg.nn.Linear { 7200, 10 } };"
  local data = "l = vgg.data.Loader { batch_size = 20, dataset = vgg.data.synthetic { "
    .. "split = 'train', train_images = 2000, test_images = 20 } };"
  local trainer = "t = vgg.train.Trainer { model = m, optimizer = vgg.optim.Adam { m }, "
    .. "max_epochs = 10000, header = false, runs_dir = '%s/runs', save = %s };"

  it("stops a training within a second, with and without a run to save, and goes on", function()
    for _, save in ipairs { "true", "false" } do
      local r = play { "expect vgg> ", "send " .. net .. "\\n", "expect vgg> ",
        "send " .. data .. "\\n", "expect vgg> ", "send " .. trainer:format(dir, save) .. "\\n",
        "expect vgg> ", "send t:fit { train = l }\\n", "expect Epoch 1", "wait 500", "send \\x03",
        "expect interrupted", "expect vgg> ", "send 20 + 3\\n", "expect 23", "expect vgg> ",
        "send while true do end\\n", "wait 200", "send \\x03", "expect interrupted (",
        "expect vgg> ", "send 30 + 4\\n", "expect 34", "expect vgg> ", "end" }
      assert.equal(0, r.code)
      if save == "true" then
        assert.matches("stopping (once more: at once", r.out, 1, true)
        assert.matches("Saved .*last.safetensors", r.out)
      end
    end
  end)

  it("stops an attack within a second", function()
    local r = play { "expect vgg> ", "send " .. net .. "m:eval();\\n", "expect vgg> ",
      "send a = vgg.attacks.targeted_adam { max_iter = 1000000 };\\n", "expect vgg> ",
      "send x, y = vgg.rand({ 4, 3, 32, 32 }), vgg.tensor({ 1, 2, 3, 4 }, 'int64');\\n",
      "expect vgg> ", "send a(m, x, y)\\n", "wait 500", "send \\x03", "expect interrupted (",
      "expect vgg> ", "send 20 + 3\\n", "expect 23", "expect vgg> ", "end" }
    assert.equal(0, r.code)
    local seconds, unit = r.out:match "interrupted %(([%d.]+) (m?s)%)"
    assert.is_true(unit == "ms" or tonumber(seconds) < 1.6, seconds)
  end)
end)
