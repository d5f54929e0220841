-- Online runs against the stand-in for the server: what arrives, whatever the server is up to.
local vgg = require "vgg"
local json = require "vgg.json"
local Stub = dofile "tests/wandb/stub.lua"
local reader = dofile "tests/wandb/reader.lua"
local scratch = dofile "tests/support/scratch.lua"
local check = dofile "tests/support/check.lua"
local wandb, fs, clock = vgg.wandb, vgg.core.fs, vgg.core.clock

local key = ("0123456789"):rep(4)
local slow = os.getenv "VGGLUA_SANITIZE" and 10 or 1

-- Times of the real thing divided by some hundred.
local times = { interval = 0.05, heartbeat = 0.2, wait_min = 0.03, wait_max = 0.3, timeout = 2,
  finish_idle = 3, finish_total = 20 }

describe("wandb online", function()
  local dir, wipe, stub, count, said
  local log = vgg.util.log
  setup(function()
    dir, wipe = scratch.new()
    count = 0
  end)
  teardown(function() wipe() end)
  before_each(function()
    count, said = count + 1, {}
    stub = Stub.start(("%s/stub%d"):format(dir, count))
    vgg.util.log = function(_, fmt, ...) said[#said + 1] = fmt:format(...) end
  end)
  after_each(function()
    vgg.util.log = log
    if stub then stub:stop() end
  end)

  local function case(name, fn)
    it(name, function()
      if not stub then return pending "wandbstub is not built" end
      fn()
    end)
  end

  local function start(o, more)
    o = o or {}
    o.mode, o.key, o.base_url = "online", o.key or key, stub.url
    o.dir, o.project = ("%s/runs%d"):format(dir, count), "p"
    if o.console == nil then o.console = false end
    local defaults = { times = {} }
    for k, v in pairs(times) do defaults.times[k] = v end
    for k, v in pairs(more or {}) do defaults.times[k] = v end
    return wandb.start(o, defaults)
  end

  local function heard(text)
    for _, line in ipairs(said) do
      if line:find(text, 1, true) then return true end
    end
    error(("nobody said '%s', but: %s"):format(text, table.concat(said, " | ")), 2)
  end

  -- Logs n rows, one every `pause` seconds. Calls must not wait for anything: usually they take
  -- less than a millisecond, and never longer than a busy machine takes to come back to us.
  local function work(run, n, pause)
    local took = {}
    for i = 1, n do
      local t = clock()
      run:log { loss = 1 / i, i = i }
      took[i] = clock() - t
      while pause and clock() - t < pause do end -- luacheck: ignore 542
    end
    table.sort(took)
    local usual, longest = took[math.ceil(n / 2)], took[n]
    if (n >= 50 and usual > 1e-3 * slow) or longest > 0.2 * slow then
      error(("a call took %.1f ms, usually %.3f"):format(longest * 1e3, usual * 1e3), 2)
    end
  end

  -- Rows in the log of a directory.
  local function rows_in(path, id)
    return reader.all(reader.read(reader.log_of(path, id)), "history")
  end

  case("sends everything once", function()
    local run = start { config = { lr = 0.5 }, tags = { "t" }, console = true }
    assert.equal(stub.url .. "/stub/p/runs/" .. run.id, run.url)
    io.stdout:write "to the console\n"
    run:define_metric("loss", { summary = "min" })
    work(run, 50)
    run:log { t = wandb.Table { columns = { "a" }, data = { { 1 } } } }
    assert.is_true(run:finish(7))
    assert.equal(51, #stub:rows())
    local files, last = stub:stream()
    assert.same({ complete = true, exitcode = 7 }, last)
    local summary = json.decode(files["wandb-summary.json"][1])
    assert.same({ min = 1 / 50 }, summary.loss)
    assert.equal("table-file", summary.t._type)
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%d%d%d%d to the console$",
      files["output.log"][1])
    local upserts = stub:requests "UpsertBucket"
    local config = json.decode(upserts[#upserts].body.variables.config)
    assert.equal(0.5, config.lr.value)
    assert.same({ 56 }, { config._wandb.value.t["3"][#config._wandb.value.t["3"]] })
    for _, r in ipairs(stub:requests()) do
      assert.equal("served", r.fate)
      if r.method == "PUT" then
        assert.equal("", r.authorization) -- the address is signed, the key is nobody's business
        assert.is_true(r.x_stub ~= "" or r.path == "/storage/manifest")
      else
        assert.equal("Basic " .. require("vgg.wandb.digest").base64("api:" .. key), r.authorization)
      end
    end
    assert.equal(1, #stub:requests "CommitArtifact")
    assert.is_true(#stub:requests "/storage/config.yaml" == 1)
  end)

  case("starts while the server is down", function()
    stub:down(600)
    local run = start()
    heard "no connection"
    work(run, 200, 0.005)
    assert.is_true(run:finish())
    assert.equal(200, #stub:rows())
    heard "connected"
  end)

  case("goes on while the server is away", function()
    local run = start()
    work(run, 50, 0.005)
    stub:down(500)
    work(run, 150, 0.005)
    assert.is_true(run:finish())
    assert.equal(200, #stub:rows())
  end)

  case("leaves what was not sent for wandb sync", function()
    local run = start(nil, { finish_idle = 0.4 })
    work(run, 40, 0.005)
    stub:down(2000 * slow)
    work(run, 30)
    local t = clock()
    assert.is_false(run:finish())
    assert.is_true(clock() - t < 3 * slow)
    heard "did not reach the server"
    assert.matches("/offline%-run%-[%d_]+%-" .. run.id .. "$", run.rest)
    local rest, sent = rows_in(run.rest, run.id), #stub:rows()
    assert.equal(70, sent + #rest)
    assert.equal(tostring(sent), reader.items(rest[1][1])._step)
    assert.equal(70, #rows_in(run.dir, run.id))
    assert.is_true(fs.exists(run.rest .. "/files/config.yaml"))
    assert.matches("wandb sync .*offline%-run", said[#said])
  end)

  case("stays offline when the key is refused", function()
    stub:fail { match = "UpsertBucket", count = 5, status = 401 }
    local run = start()
    heard "does not accept the API key (401"
    work(run, 10)
    local t = clock()
    assert.is_false(run:finish())
    assert.is_true(clock() - t < 1 * slow)
    assert.equal(10, #rows_in(run.rest, run.id))
    assert.equal(1, #stub:requests())
    start { key = "short" }
    heard "a key has 40 or more"
  end)

  case("waits after 409 at the start, but not for a deleted run", function()
    stub:fail { match = "UpsertBucket", count = 2, status = 409 }
    local run = start()
    work(run, 5)
    assert.is_true(run:finish())
    assert.equal(5, #stub:rows())
    stub:fail { match = "UpsertBucket", count = 9, status = 409,
      reply = '{"errors":[{"message":"run was previously created and deleted"}]}' }
    local second = start()
    heard "previously created and deleted"
    assert.is_false(second:finish())
  end)

  case("gives up the stream after a 409, and keeps the rest", function()
    local run = start()
    stub:fail { match = "file_stream", count = 9, status = 409 }
    work(run, 20, 0.01)
    assert.is_false(run:finish())
    assert.equal(20, #rows_in(run.rest, run.id))
    heard "goes on offline"
  end)

  case("keeps to the pace the server asks for", function()
    stub:fail { match = "file_stream", count = 2, status = 429, header = "Retry-After: 1" }
    stub:fail { match = "file_stream", count = 1, status = 200,
      header = "RateLimit-Remaining: 0\r\nRateLimit-Reset: 2" }
    local run = start()
    work(run, 60, 0.01)
    assert.is_true(run:finish())
    assert.equal(60, #stub:rows())
    local posts = stub:requests "file_stream"
    assert.is_true(posts[2].t - posts[1].t >= 0.95)
    assert.is_true(posts[3].t - posts[2].t >= 0.95)
  end)

  case("tries again after errors, cut and lost answers, and garbage", function()
    for _, what in ipairs { "UpsertBucket", "file_stream", "CreateRunFiles", "/storage/config",
      "CommitArtifact", "/storage/artifact" } do
      stub:fail { match = what, count = 1, status = 500 }
      stub:fail { match = what, count = 1, status = 503, after = true } -- done, but said otherwise
      stub:fail { match = what, count = 1, close = true, after = true }
      stub:fail { match = what, count = 1, cut = true, status = 200 }
      stub:fail { match = what, count = 1, delay = 60 }
    end
    stub:fail { match = "CreateArtifactFiles", count = 1, status = 200, reply = "<html>hello" }
    local run = start()
    work(run, 60, 0.005)
    run:log { t = wandb.Table { columns = { "a" }, data = { { 1 } } } }
    work(run, 20, 0.005)
    assert.is_true(run:finish())
    assert.equal(81, #stub:rows())
    assert.is_true(#stub:requests "/storage/config.yaml" > 3)
    local uploaded = {}
    for _, r in ipairs(stub:requests "file_stream") do
      for _, name in ipairs(r.body.uploaded or {}) do uploaded[name] = true end
    end
    assert.is_true(uploaded["config.yaml"] and uploaded["wandb-summary.json"])
  end)

  case("loses single files, not the run, when the server refuses them", function()
    stub:fail { match = "CreateArtifact", count = 1, status = 200,
      reply = '{"errors":[{"message":"no artifacts today"}]}' }
    stub:fail { match = "/storage/config.yaml", count = 1, status = 403 }
    local run = start()
    run:log { t = wandb.Table { columns = { "a" }, data = { { 1 } } } }
    work(run, 3)
    assert.is_true(run:finish())
    heard "2 files were not taken"
    assert.equal(4, #stub:rows())
  end)

  case("a server that hangs does not hold up the end", function()
    local run = start(nil, { finish_idle = 0.5, finish_total = 1, timeout = 30 })
    stub:fail { match = "file_stream", count = 9, delay = 20000 }
    work(run, 5)
    local t = clock()
    assert.is_false(run:finish())
    assert.is_true(clock() - t < 5)
    assert.equal(5, #rows_in(run.rest, run.id))
  end)

  case("goes on with an earlier run", function()
    local row = json.encode { _step = 41, _runtime = 100.5 }
    stub:bucket { id = "storage1", name = "r", historyLineCount = 42, eventsLineCount = 3,
      logLineCount = 5, historyTail = json.encode { row }, eventsTail = "[]",
      summaryMetrics = '{"best":0.5,"_wandb":{"runtime":101}}',
      config = '{"lr":{"value":0.1},"old":{"value":1}}', wandbConfig = '{"t":{}}' }
    local run = start { resume = "must", id = "abc", config = { lr = 0.2 }, console = true }
    assert.equal(42, run.step)
    assert.same({ 0.2, 1, 0.5 }, { run.config.lr, run.config.old, run.summary.best })
    run:log { a = 1 }
    io.stdout:write "again\n"
    assert.is_true(run:finish())
    local sent = {}
    for _, r in ipairs(stub:requests "file_stream") do
      for name, part in pairs(r.body.files or {}) do sent[name] = sent[name] or part end
    end
    assert.equal(42, sent["wandb-history.jsonl"].offset)
    assert.equal(5, sent["output.log"].offset)
    local last = json.decode(sent["wandb-history.jsonl"].content[1])
    assert.equal(42, last._step)
    assert.is_true(last._runtime > 101)
    assert.equal("storage1", stub:requests("UpsertBucket")[1].body.variables.id)
    check.raises("run 'abc' exists", start, { resume = "never", id = "abc" })
    stub:bucket(json.null)
    check.raises("there is no run 'abc'", start, { resume = "must", id = "abc" })
  end)
end)
