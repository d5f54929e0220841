-- A run that is killed at any moment leaves whole records.
local core = require "vgg.core"
local reader = dofile "tests/wandb/reader.lua"
local scratch = dofile "tests/support/scratch.lua"

local program = os.getenv "VGGLUA" or "build/vgglua"

describe("a killed run", function()
  local dir, wipe
  setup(function() dir, wipe = scratch.new() end)
  teardown(function() wipe() end)

  for i, seconds in ipairs { 0.3, 0.44, 0.57 } do
    it(("can be read after %.2f s"):format(seconds), function()
      local place = ("%s/%d"):format(dir, i)
      assert(core.fs.mkdir(place))
      os.execute(("%s tests/wandb/forever.lua %s >/dev/null 2>&1 & p=$!; sleep %f; "
        .. "for k in $(seq 100); do [ -e %s/wandb/latest-run/artifacts ] && break; "
        .. "sleep 0.1; done; "
        .. "kill -9 $p; wait $p 2>/dev/null"):format(program, place, seconds, place))
      local run = assert(core.fs.realpath(place .. "/wandb/latest-run"))
      local records = reader.read(reader.log_of(run, "killed"))
      local rows = reader.all(records, "history")
      assert.is_true(#rows > 20)
      for k, row in ipairs(rows) do
        assert.equal(tostring(k - 1), reader.items(row[1])._step)
      end
      for _, f in ipairs(reader.all(records, "files")) do
        local path = reader.fields(f[1][1])[1][1]
        assert.is_true(core.fs.exists(run .. "/files/" .. path))
      end
      assert.equal("header", records[1].name)
      local rest = place .. "/rest.wandb"
      assert.is_true(core.wandb.rest(reader.log_of(run, "killed"), rest, 10))
      assert.equal(#rows - 10, #reader.all(reader.read(rest), "history"))
    end)
  end
end)
