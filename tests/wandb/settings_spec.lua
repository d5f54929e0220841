-- Where a run's settings come from.
local settings = require "vgg.wandb.settings"
local environment = require "vgg.wandb.environment"
local scratch = dofile "tests/support/scratch.lua"

describe("wandb settings", function()
  local dir, wipe
  setup(function() dir, wipe = scratch.new() end)
  teardown(function() wipe() end)

  local function write(name, text)
    local f = assert(io.open(dir .. "/" .. name, "w"))
    f:write(text)
    f:close()
    return dir .. "/" .. name
  end

  it("finds keys in netrc texts", function()
    local text = "machine api.wandb.ai\n  login user\n  password abc\n"
      .. "machine localhost:8080 login user password def"
    assert.equal("abc", settings.netrc(text, "api.wandb.ai"))
    assert.equal("def", settings.netrc(text, settings.netloc "http://localhost:8080/x"))
    assert.is_nil(settings.netrc(text, "localhost"))
  end)

  it("knows keys that cannot be ones", function()
    assert.is_nil(settings.bad_key(("a"):rep(40)))
    assert.is_nil(settings.bad_key("local-" .. ("a"):rep(40)))
    assert.is_nil(settings.bad_key(("a"):rep(86)))
    assert.matches("39 characters", settings.bad_key(("a"):rep(39)))
    assert.matches("characters no key has", settings.bad_key(("a"):rep(39) .. " b"))
  end)

  it("reads the default section of settings files", function()
    local path = write("settings", "[other]\nproject = no\n[default]\nproject = mine\n"
      .. "base_url=http://h:1\nempty =\n")
    assert.same({ project = "mine", base_url = "http://h:1" }, settings.ini(path))
    assert.same({}, settings.ini(dir .. "/none"))
  end)

  it("puts arguments before files before defaults", function()
    assert(require("vgg.core").fs.mkdir(dir .. "/w/wandb"))
    write("w/wandb/settings", "[default]\nproject = file\nentity = team\n")
    local s = settings.read({ dir = dir .. "/w", mode = "dryrun", name = "n" },
      { project = "default", group = "g" })
    assert.same({ "file", "team", "n", "g", "offline", dir .. "/w/wandb" },
      { s.project, s.entity, s.name, s.group, s.mode, s.directory })
    assert.equal("other", settings.read({ dir = dir .. "/w", project = "other" }, {}).project)
  end)

  it("draws ids of letters and digits", function()
    local a, b = settings.random(128), settings.random(128)
    assert.matches("^[a-z0-9]+$", a)
    assert.equal(128, #a)
    assert.not_equal(a, b)
  end)

  it("hides the password of a git remote", function()
    local core = require "vgg.core"
    assert(core.fs.mkdir(dir .. "/repo/.git/refs/heads"))
    write("repo/.git/HEAD", "ref: refs/heads/main\n")
    write("repo/.git/refs/heads/main", ("c"):rep(40) .. "\n")
    write("repo/.git/config", '[remote "origin"]\n\turl = https://me:secret@host/x.git\n')
    if os.getenv "WANDB_DISABLE_GIT" then return pending "WANDB_DISABLE_GIT is set" end
    local git, name = environment.git(dir .. "/repo")
    assert.same({ remote_url = "https://host/x.git", commit = ("c"):rep(40) }, git)
    assert.equal("repo", name)
  end)
end)
