-- Offline runs: what lies on disk after some calls, read back by code of the tests' own.
local vgg = require "vgg"
local json = require "vgg.json"
local reader = dofile "tests/wandb/reader.lua"
local scratch = dofile "tests/support/scratch.lua"
local check = dofile "tests/support/check.lua"
local wandb, fs = vgg.wandb, vgg.core.fs

local function slurp(path)
  local f = assert(io.open(path, "rb"))
  local text = f:read "*a"
  f:close()
  return text
end

local function picture(seed)
  local values = {}
  for i = 0, 3 * 8 * 6 - 1 do values[i + 1] = (i * 7 + seed * 13) % 256 end
  return vgg.tensor(values, "uint8"):reshape(3, 8, 6)
end

describe("wandb offline", function()
  local dir, wipe
  setup(function() dir, wipe = scratch.new() end)
  teardown(function() wipe() end)

  local function start(o)
    o = o or {}
    o.dir, o.mode, o.console = o.dir or dir, "offline", o.console or false
    o.project = o.project or "p"
    local run = wandb.init(o)
    run.settings.silent = true
    return run
  end

  local function read(run) return reader.read(reader.log_of(run.dir, run.id)) end

  it("writes the records in the official order", function()
    local run = start { name = "first", tags = { "a", "b" },
      config = { lr = 0.1, list = { 1, 2 } } }
    run:log { loss = 0.5 }
    assert.is_true(run:finish(3))
    local records, order = read(run), {}
    for i, r in ipairs(records) do order[i] = r.name end
    assert.same({ "header", "run", "environment", "summary", "history", "summary", "exit", "final",
      "footer" }, order)
    local f = records[2].fields
    assert.equal(run.id, f[1][1])
    assert.equal("p", f[3][1])
    assert.same({ _wandb = "{}", lr = "0.1", list = "[1,2]" },
      reader.items(reader.fields(f[4][1])[1]))
    assert.equal("first", f[8][1])
    assert.same({ "a", "b" }, f[10])
    assert.is_true(math.abs(reader.fields(f[17][1])[1][1] - os.time()) < 100)
    assert.equal(3, records[7].fields[1][1])
    assert.matches("/wandb/offline%-run%-%d%d%d%d%d%d%d%d_%d%d%d%d%d%d%-" .. run.id .. "$", run.dir)
    assert.equal(fs.realpath(run.dir), fs.realpath(dir .. "/wandb/latest-run"))
    assert.matches("list:\n    value:\n        %- 1\n        %- 2\nlr:\n    value: 0.1\n",
      slurp(run.dir .. "/files/config.yaml"))
  end)

  it("numbers rows and keeps the odd values", function()
    local run = start()
    run:log { a = 1, ["b/c.d"] = "x", on = true }
    run:log({ a = 0 / 0 }, { commit = false })
    run:log { b = -math.huge }
    run:log({ a = 7 }, { step = 10 })
    run:log({ a = 8 }, { step = 9 }) -- over
    run:log { text = "caf\195\169 \255\0" }
    run:finish()
    local rows = {}
    for i, f in ipairs(reader.all(read(run), "history")) do rows[i] = reader.items(f[1]) end
    assert.equal(3, #rows)
    assert.same({ "1", '"x"', "true", "0" },
      { rows[1].a, rows[1]["b/c.d"], rows[1].on, rows[1]._step })
    assert.same({ "NaN", "-Infinity", "1" }, { rows[2].a, rows[2].b, rows[2]._step })
    assert.same({ "7", "10" }, { rows[3].a, rows[3]._step })
    assert.equal('"caf\195\169 \239\191\189\\u0000"', rows[3].text)
    for _, row in ipairs(rows) do
      assert.is_true(tonumber(row._runtime) >= 0 and tonumber(row._timestamp) > 1.7e9)
    end
  end)

  it("keeps the summary: last values, extremes, nothing", function()
    local run = start()
    run:define_metric("val/acc", { summary = "max,last" })
    run:define_metric("val/loss", { summary = "min" })
    run:define_metric("f1", { summary = "best", goal = "maximize" })
    run:define_metric("hidden", { summary = "none" })
    for i, acc in ipairs { 0.25, 0.5, 0 / 0, 0.375 } do
      run:log { ["val/acc"] = acc, ["val/loss"] = i, f1 = acc, hidden = i, plain = i }
    end
    run.summary["best/loss"] = 1.5
    run:finish()
    local all = json.decode(slurp(run.dir .. "/files/wandb-summary.json"))
    assert.same({ last = 0.375, max = 0.5 }, all["val/acc"])
    assert.same({ min = 1 }, all["val/loss"])
    assert.same({ best = 0.5, max = 0.5 }, all.f1)
    assert.is_nil(all.hidden)
    assert.same({ 4, 1.5, 3 }, { all.plain, all["best/loss"], all._step })
    local merged = {}
    for _, f in ipairs(reader.all(read(run), "summary")) do
      for k, v in pairs(reader.items(f[1])) do merged[k] = v end
    end
    assert.same({ last = 0.375, max = 0.5 }, json.decode(merged["val/acc"]))
    assert.matches("^%d+$", merged["_wandb.runtime"])
  end)

  it("fills in the x-axis and expands patterns once", function()
    local run = start()
    run:define_metric "epoch"
    run:define_metric("val/*", { step_metric = "epoch" })
    run:log { epoch = 3, ["val/acc"] = 1 }
    run:log { ["val/acc"] = 2, other = 1 }
    run:finish()
    local records = read(run)
    local row = reader.items(reader.all(records, "history")[2][1])
    assert.equal("3", row.epoch)
    local metrics = reader.all(records, "metric")
    assert.equal(3, #metrics)
    assert.same({ "val/*" }, metrics[2][2])
    assert.same({ "val/acc" }, metrics[3][1])
    assert.same({ "epoch" }, metrics[3][4])
    assert.same({ 1 }, metrics[3][10])
    check.raises("no summary 'maximum'", run.define_metric, run, "a", { summary = "maximum" })
    check.raises("unknown option 'step'", run.define_metric, run, "a", { step = "x" })
  end)

  it("stores images under names made of their content", function()
    local run = start()
    local image = wandb.Image(picture(1), { caption = "one" })
    run:log { ["val/sample"] = image }
    run:log { list = { image, wandb.Image(picture(2)) } }
    run:finish()
    local records = read(run)
    local v = json.decode(reader.items(reader.all(records, "history")[1][1])["val/sample"])
    local bytes = slurp(run.dir .. "/files/" .. v.path)
    local sha = vgg.core.io.digest("sha256", bytes)
    assert.equal(("media/images/val/sample_0_%s.png"):format(sha:sub(1, 20)), v.path)
    assert.same({ "image-file", sha, #bytes, "png", 6, 8, "one" },
      { v._type, v.sha256, v.size, v.format, v.width, v.height, v.caption })
    assert.equal(v.path, reader.fields(reader.all(records, "files")[1][1][1])[1][1])
    local l = json.decode(reader.items(reader.all(records, "history")[2][1]).list)
    assert.same({ "images/separated", 2, 6, 8 }, { l._type, l.count, l.width, l.height })
    assert.same({ "one", json.null }, l.captions)
    for _, path in ipairs(l.filenames) do
      assert.is_true(fs.exists(run.dir .. "/files/" .. path))
    end
  end)

  it("stores tables twice, with digests that can be recomputed", function()
    local run = start()
    run:log { preds = wandb.Table { columns = { "id", "img", "name" },
      data = { { 1, wandb.Image(picture(4)), "cat" },
        { 2, wandb.Image(picture(5)), json.null } } } }
    run:finish()
    local records = read(run)
    local v = json.decode(reader.items(reader.all(records, "history")[1][1]).preds)
    local text = slurp(run.dir .. "/files/" .. v.path)
    assert.equal('{"columns":["id","img","name"],"data":[[1,"Image","cat"],[2,"Image",null]]}',
      text)
    assert.same({ vgg.core.io.digest("sha256", text), #text, 3, 2 },
      { v.sha256, v.size, v.ncols, v.nrows })
    local a = reader.all(records, "artifact")[1]
    assert.same({ "run_table" }, a[4])
    assert.same({ "run-" .. run.id .. "-preds" }, a[5])
    assert.equal(128, #a[15][1])
    assert.equal(("wandb-client-artifact://%s/preds.table.json"):format(a[15][1]), v.artifact_path)
    local manifest, entries = reader.fields(a[12][1]), {}
    local digest = require "vgg.wandb.digest"
    for i, e in ipairs(manifest[4]) do
      local f = reader.fields(e)
      local bytes = slurp(f[6][1])
      assert.equal(#bytes, f[4][1])
      assert.equal(digest.md5_base64(bytes), f[2][1])
      entries[i] = { path = f[1][1], digest = f[2][1] }
    end
    assert.equal(3, #entries)
    assert.equal(digest.artifact(entries), a[6][1])
    assert.is_true(fs.exists(run.dir .. "/files/" .. v.path))
  end)

  it("makes the confusion matrix chart from counts", function()
    local run = start()
    local names, m = {}, {}
    for i = 1, 10 do
      names[i], m[i] = "class " .. i, {}
      for j = 1, 10 do m[i][j] = i * 100 + j end
    end
    run:log { ["best/conf_mat"] = wandb.plot.confusion_matrix { matrix = m, classes = names,
      title = "confusion matrix on best epoch" } }
    run:finish()
    local records = read(run)
    local config = reader.items(reader.all(records, "config")[1][1])
    local panel = json.decode(config["_wandb.visualize.best/conf_mat"])
    assert.equal("Vega2", panel.panel_type)
    assert.equal("wandb/confusion_matrix/v1", panel.panel_config.panelDefId)
    assert.equal("confusion matrix on best epoch", panel.panel_config.stringSettings.title)
    assert.equal("Custom Chart Tables/best/conf_mat_table",
      panel.panel_config.userQuery.queryFields[1].fields[4].args[1].value)
    local row = reader.items(reader.all(records, "history")[1][1])
    assert.is_nil(row["best/conf_mat"])
    local v = json.decode(row["Custom Chart Tables/best/conf_mat_table"])
    local t = json.decode(slurp(run.dir .. "/files/" .. v.path))
    assert.same({ "Actual", "Predicted", "nPredictions" }, t.columns)
    assert.equal(100, #t.data)
    for k, cells in ipairs(t.data) do
      local i, j = math.floor((k - 1) / 10) + 1, (k - 1) % 10 + 1
      assert.same({ names[i], names[j], m[i][j] }, cells)
    end
    local summary = {}
    for _, f in ipairs(reader.all(records, "summary")) do
      for key, text in pairs(reader.items(f[1])) do summary[key] = text end
    end
    assert.equal(row["Custom Chart Tables/best/conf_mat_table"],
      summary["Custom Chart Tables/best/conf_mat_table"])
    check.raises("row 1 has 2 columns, want 1", wandb.plot.confusion_matrix,
      { matrix = { { 1, 2 } } })
  end)

  it("takes what is printed, lines as they stand in the end", function()
    local run = start { console = true }
    io.stdout:write("first line\n")
    io.stdout:write "12%\r34%\r"
    io.stdout:write "100%\n"
    io.stderr:write "bad \255 byte\n"
    run:finish()
    io.stdout:write "not any more\n"
    local lines = {}
    for i, f in ipairs(reader.all(read(run), "output_raw")) do
      lines[i] = (f[1] and "out " or "err ") .. f[3][1]
    end
    assert.same({ "out first line\n", "out 100%\n", "err bad \239\191\189 byte\n" }, lines)
  end)

  it("does nothing when switched off", function()
    local run = wandb.init { mode = "disabled", dir = dir .. "/none" }
    run:log { a = 1 }
    run:define_metric "a"
    run.summary.b = 1
    run:finish()
    assert.is_nil(fs.list(dir .. "/none/wandb"))
    check.raises("did you mean 'offline'", wandb.init, { mode = "ofline", dir = dir })
    check.raises("unknown option 'projet'", wandb.init, { projet = "x" })
    check.raises("project 'a/b'", wandb.init, { project = "a/b", dir = dir, mode = "offline" })
  end)

  it("ends with the program, and with its code", function()
    if not vgg.util.hosted() then return pending "needs the host vgglua" end
    local program = os.getenv "VGGLUA" or "build/vgglua"
    for name, code in pairs { ["0"] = 0, ["error 'x'"] = 1, ["os.exit(5)"] = 5 } do
      local place = ("%s/end%d"):format(dir, code)
      os.execute(("%s -e \"local run = require('vgg.wandb').init { dir = '%s', mode = 'offline', "
        .. "id = 'x' } run:log { a = 1 } local _ = %s\" 2>/dev/null"):format(program, place,
        code == 1 and "error 'x'" or name))
      local records = reader.read(place .. "/wandb/latest-run/run-x.wandb")
      assert.equal("footer", records[#records].name)
      assert.equal(code, (reader.all(records, "exit")[1][1] or { 0 })[1])
    end
  end)

  it("takes a directory that is free and never an older log", function()
    local one, two = start { id = "same" }, start { id = "same" }
    assert.not_equal(one.dir, two.dir)
    one:finish()
    two:finish()
  end)
end)
