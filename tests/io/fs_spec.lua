-- core.fs and the check sums of core.io.
local core = require "vgg.core"
local scratch = dofile "tests/support/scratch.lua"
local fs = core.fs

describe("core.fs", function()
  local dir, wipe
  before_each(function() dir, wipe = scratch.new() end)
  after_each(function() wipe() end)

  it("makes directories with their parents and lists them in order", function()
    assert.is_true(fs.mkdir(dir .. "/a/b//c"))
    assert.is_true(fs.mkdir(dir .. "/a/b/c"))
    scratch.write(dir .. "/a/z.txt", "z")
    scratch.write(dir .. "/a/.hidden", "")
    assert.same({ ".hidden", "b", "z.txt" }, fs.list(dir .. "/a"))
    assert.same({}, fs.list(dir .. "/a/b/c"))
  end)

  it("describes files", function()
    scratch.write(dir .. "/f", "12345")
    local s = fs.stat(dir .. "/f")
    assert.equal("file", s.type)
    assert.equal(5, s.size)
    assert.is_true(math.abs(s.mtime - os.time()) < 60)
    assert.equal("directory", fs.stat(dir).type)
    assert.is_true(fs.exists(dir .. "/f"))
    assert.is_false(fs.exists(dir .. "/g"))
  end)

  it("writes, renames, links and removes", function()
    assert.is_true(fs.write(dir .. "/f", "one\0two"))
    assert.equal("one\0two", scratch.read(dir .. "/f"))
    assert.is_true(fs.link(dir .. "/f", dir .. "/second"))
    assert.is_true(fs.write(dir .. "/f", "new"))
    assert.equal("one\0two", scratch.read(dir .. "/second"))
    assert.is_true(fs.rename(dir .. "/f", dir .. "/second"))
    assert.equal("new", scratch.read(dir .. "/second"))
    assert.is_true(fs.remove(dir .. "/second"))
    assert.is_true(fs.remove(dir .. "/second"))
    assert.same({}, fs.list(dir))
  end)

  it("syncs an open file", function()
    local f = assert(io.open(dir .. "/log", "w"))
    f:write("line\n")
    assert.is_true(fs.sync(f))
    assert.equal("line\n", scratch.read(dir .. "/log"))
    f:close()
    assert.has_error(function() fs.sync(f) end)
    assert.has_error(function() fs.sync("log") end)
  end)

  it("says what the system refused", function()
    local gone = dir .. "/none"
    local function refused(words, value, message)
      assert.is_nil(value)
      assert.equal(words, message)
    end
    refused(("stat: '%s': No such file or directory"):format(gone), fs.stat(gone))
    refused(("list: '%s': No such file or directory"):format(gone), fs.list(gone))
    refused(("realpath: '%s': No such file or directory"):format(gone), fs.realpath(gone))
    refused(("config: No such file or directory while saving '%s/x': nothing was saved")
      :format(gone), fs.write(gone .. "/x", "", "config"))
    scratch.write(dir .. "/f", "")
    refused(("mkdir: cannot make '%s/f': a file of this name exists"):format(dir),
      fs.mkdir(dir .. "/f"))
  end)

  it("sums files", function()
    scratch.write(dir .. "/abc", "abc")
    assert.equal("900150983cd24fb0d6963f7d28e17f72", core.io.md5(dir .. "/abc"))
    assert.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      core.io.sha256(dir .. "/abc"))
    assert.is_nil(core.io.md5(dir .. "/none"))
  end)
end)
