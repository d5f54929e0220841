-- core.io.download against the loopback server of tests/c/test_io_download.c.
local core = require "vgg.core"
local http = dofile "tests/support/http.lua"
local scratch = dofile "tests/support/scratch.lua"

describe("download", function()
  local url, stop, dir, wipe
  setup(function()
    dir, wipe = scratch.new()
    url, stop = http.start()
  end)
  teardown(function()
    if stop then stop() end
    wipe()
  end)

  local function case(name, fn)
    it(name, function()
      if not url then return pending("test_io_download is not built") end
      fn()
    end)
  end

  case("tells its progress", function()
    local path, last, total = dir .. "/sub/drip.bin", -1, nil
    assert.is_true(core.io.download { url = url .. "drip", path = path, progress = function(d, t)
      assert(d >= last)
      last, total = d, t
    end })
    assert.equal(300000, last)
    assert.equal(300000, total)
    assert.equal(300000, core.fs.stat(path).size)
    assert.same({ "drip.bin" }, core.fs.list(dir .. "/sub"))
  end)

  case("returns messages and resumes", function()
    local path = dir .. "/cut.bin"
    local ok, message = core.io.download { url = url .. "cutalways", path = path, what = "data",
      retries = -1 }
    assert.is_nil(ok)
    assert.equal("data: connection closed after 10 of 293 KiB; kept cut.bin.part, " ..
      "run again to resume", message)
    ok, message = core.io.download { url = url .. "full", path = path, what = "data",
      md5 = ("0"):rep(32) }
    assert.is_nil(ok)
    assert.matches("^data: md5 begins %x+, expected 00000000 of cut.bin: file deleted", message)
  end)

  case("stops when the progress function says so or fails", function()
    local request = { url = url .. "drip", path = dir .. "/stop.bin", what = "data",
      progress = function(done) return done < 20000 end }
    local ok, e = pcall(core.io.download, request)
    assert.is_false(ok)
    assert.equal("interrupted", e.kind)
    assert.equal(130, e.exit)
    assert.matches("^data: download interrupted after %d+ of 293 KiB; kept stop.bin", e.message)
    request.progress = function() error("boom", 0) end
    assert.has_error(function() core.io.download(request) end, "boom")
    request.progress = nil
    assert.is_true(core.io.download(request))
    assert.equal(300000, core.fs.stat(request.path).size)
  end)

  case("raises for misuse", function()
    assert.error_matches(function() core.io.download { url = url, path = "x", sha265 = "" } end,
      "download: unknown option 'sha265' %(did you mean 'sha256'%?%)")
    assert.error_matches(function() core.io.download { url = url } end,
      "option 'path' must be text")
  end)
end)
