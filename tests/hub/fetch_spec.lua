-- `vgglua fetch` of weights from a server that cuts, stalls, refuses and lies: message, exit code,
-- and what is left on disk.
local core = require "vgg.core"
local util = require "vgg.util"
local http = dofile "tests/support/http.lua"
local process = dofile "tests/support/process.lua"
local scratch = dofile "tests/support/scratch.lua"

if not util.hosted() then
  describe("vgglua fetch", function() pending "needs the host vgglua" end)
  return
end

describe("vgglua fetch", function()
  local url, stop, dir, wipe, sum
  local turn = 0

  setup(function()
    dir, wipe = scratch.new()
    url, stop = http.start()
    if not url then return end
    assert(core.io.download { url = url .. "full", path = dir .. "/whole" })
    sum = assert(core.io.sha256(dir .. "/whole"))
  end)
  teardown(function()
    if stop then stop() end
    wipe()
  end)

  -- A run with nothing in any cache but `cache`; flags: a list.
  local function fetch(what, cache, flags)
    local arguments = { "fetch", what, "--torch-cache-dir", cache, "--retries", "0" }
    for _, a in ipairs(flags or {}) do arguments[#arguments + 1] = a end
    return process.run(arguments, { env = "env -u TORCH_HOME -u XDG_CACHE_HOME HOME=" .. dir })
  end

  -- Every case has a directory and a file name of its own: the server counts requests by name.
  local function case(name, path, fn)
    it(name, function()
      if not url then return pending("test_io_download is not built") end
      turn = turn + 1
      local cache = ("%s/cache%d"):format(dir, turn)
      local file = ("net%d-%s.pth"):format(turn, sum:sub(1, 8))
      fn(url .. path .. "/" .. file, cache, file)
    end)
  end

  local function left(cache)
    local list = core.fs.list(cache .. "/checkpoints") or {}
    table.sort(list)
    return list
  end

  case("brings a file, and the second time asks nobody", "full", function(from, cache, file)
    local r = fetch(from, cache)
    assert.equal(0, r.code, r.err)
    assert.equal(("%s: downloaded %s/checkpoints/%s\n"):format(from, cache, file), r.out)
    assert.same({ file }, left(cache))
    assert.equal(sum, core.io.sha256(cache .. "/checkpoints/" .. file))
    r = fetch((from:gsub(":%d+/", ":1/")), cache) -- nobody listens there
    assert.equal(0, r.code, r.err)
    assert.matches("already there: ", r.out, 1, true)
  end)

  case("uses the user's own cache", "404", function(from, cache, file)
    scratch.write(dir .. "/.cache/torch/hub/checkpoints/" .. file, scratch.read(dir .. "/whole"))
    local r = fetch(from, cache)
    assert.equal(0, r.code, r.err)
    assert.matches("already there: " .. dir .. "/.cache/torch/hub/checkpoints/", r.out, 1, true)
    assert.is_false(core.fs.exists(cache))
  end)

  case("keeps what came before a cut, and goes on from there", "cut", function(from, cache, file)
    local r = fetch(from, cache)
    assert.equal(3, r.code)
    assert.matches("weights: connection closed after 108 of 293 KiB; kept " .. file
      .. ".part, run again to resume", r.err, 1, true)
    assert.same({ file .. ".part", file .. ".part.info" }, left(cache))
    assert.equal(111000, core.fs.stat(cache .. "/checkpoints/" .. file .. ".part").size)
    r = fetch(from, cache)
    assert.equal(0, r.code, r.err)
    assert.same({ file }, left(cache))
  end)

  case("gives up on a server that stalls", "stall", function(from, cache, file)
    local r = fetch(from, cache, { "--timeout", "1" })
    assert.equal(3, r.code)
    assert.matches("weights: no answer for 1 s after 29 of 293 KiB; kept " .. file .. ".part",
      r.err, 1, true)
    assert.equal(30000, core.fs.stat(cache .. "/checkpoints/" .. file .. ".part").size)
  end)

  case("names a 404 and leaves nothing", "404", function(from, cache)
    local r = fetch(from, cache)
    assert.equal(3, r.code)
    assert.matches("weights: server answered 404 for " .. from, r.err, 1, true)
    assert.same({}, left(cache))
  end)

  case("begins again after a 416", "416", function(from, cache, file)
    assert.equal(3, fetch(from, cache).code)
    assert.same({ file .. ".part", file .. ".part.info" }, left(cache))
    local r = fetch(from, cache)
    assert.equal(3, r.code)
    assert.matches("weights: server refuses to resume", r.err, 1, true)
    assert.same({}, left(cache))
    r = fetch(from, cache)
    assert.equal(0, r.code, r.err)
    assert.same({ file }, left(cache))
  end)

  case("names a 503 that stays, after trying again", "busyalways", function(from, cache)
    local r = fetch(from, cache, { "--retries", "1" })
    assert.equal(3, r.code)
    assert.matches("weights: server answered 503 for " .. from, r.err, 1, true)
    assert.same({}, left(cache))
  end)

  case("sits out a 503 that passes", "busy", function(from, cache, file)
    local r = fetch(from, cache, { "--retries", "3" })
    assert.equal(0, r.code, r.err)
    assert.same({ file }, left(cache))
  end)

  case("keeps what came when the server announced more", "long", function(from, cache, file)
    local r = fetch(from, cache)
    assert.equal(3, r.code)
    assert.matches("weights: connection closed after 293 of 391 KiB; kept " .. file .. ".part",
      r.err, 1, true)
  end)

  case("deletes what is wrong when the server announced less", "short", function(from, cache, file)
    local r = fetch(from, cache)
    assert.equal(3, r.code)
    assert.matches(("weights: sha256 begins %%x+, expected %s of %s: file deleted, run again")
      :format(sum:sub(1, 8), file:gsub("%-", "%%-")), r.err)
    assert.same({}, left(cache))
  end)

  case("deletes a file with another sum; --url is a mirror", "full", function(_, cache)
    local r = fetch("vgg16_bn", cache, { "--url", url .. "full/x" })
    assert.equal(3, r.code)
    assert.equal(("weights: sha256 begins %s, expected 6c64b313 of vgg16_bn-6c64b313.pth: file "
      .. "deleted, run again\n"):format(sum:sub(1, 8)), r.err)
    assert.same({}, left(cache))
  end)

  case("replaces a damaged file, saying so", "full", function(from, cache, file)
    scratch.write(cache .. "/checkpoints/" .. file, "damaged")
    local r = fetch(from, cache)
    assert.equal(0, r.code, r.err)
    assert.matches(file .. " is not used: its sha256 begins", r.err, 1, true)
    assert.equal(sum, core.io.sha256(cache .. "/checkpoints/" .. file))
  end)

  case("says where to put the file when there is no network", "full", function(_, cache)
    local r = fetch("vgg16_bn", cache, { "--url", "http://127.0.0.1:1/" })
    assert.equal(3, r.code)
    assert.matches("weights: no network (", r.err, 1, true)
    assert.matches("put the file in " .. cache .. "/checkpoints/\n", r.err, 1, true)
    assert.matches("Its home: https://download.pytorch.org/models/vgg16_bn-6c64b313.pth\n", r.err,
      1, true)
    assert.matches(("Looked for at: %s/checkpoints/vgg16_bn-6c64b313.pth, "
      .. "%s/.cache/torch/hub/checkpoints/vgg16_bn-6c64b313.pth\n"):format(cache, dir), r.err, 1,
      true)
  end)

  case("two at once fetch it once", "drip", function(from, cache, file)
    local one = ("env HOME=%s %s fetch %s --torch-cache-dir %s"):format(dir, process.vgglua, from,
      cache)
    local r = process.shell(one .. " & " .. one .. "; a=$?; wait $!; exit $((a + $?))")
    assert.equal(0, r.code, r.err)
    assert.same({ file }, left(cache))
  end)

  it("knows what it can fetch", function()
    local r = process.run { "fetch", "vgg16bn" }
    assert.equal(2, r.code)
    assert.matches("nothing is called 'vgg16bn' (did you mean 'vgg16_bn'?). Names: cifar10 "
      .. "efficientnet_b0 resnet18 vgg16_bn", r.err, 1, true)
    assert.equal(2, process.run({ "fetch" }).code)
    assert.equal(2, process.run({ "fetch", "cifar10", "vgg16_bn" }).code)
  end)
end)
