-- `vgglua watch RUN`: the curves of a run in the terminal, as they grow.
local cli = require "vgg.cli"
local core = require "vgg.core"
local util = require "vgg.util"

local spec = {
  "Shows loss and accuracy of a run in the terminal and follows them until it ends or Ctrl-C.\n" ..
    "Where standard output is no terminal, one picture is printed.",
  { "runs_dir", "runs", "where runs are kept" },
  { "interval", 2, "seconds between looks", type = "number", min = 0.1 },
  { "once", false, "one picture, no waiting" },
  { "width", nil, "columns, default those of the terminal", type = "int", min = 30 },
  { "height", nil, "rows, default 24", type = "int", min = 10 },
  args = "RUN",
}

-- The sizes and times of what the screen is made from: a change means there is news.
local function fingerprint(dir)
  local parts = {}
  for _, name in ipairs { "metrics.jsonl", "summary.json", "clock.json" } do
    local s = core.fs.stat(dir .. "/" .. name)
    parts[#parts + 1] = s and ("%d@%.6f"):format(s.size, s.mtime) or "-"
  end
  return table.concat(parts, " ")
end

-- Waits; false when the user has had enough.
local function wait(seconds)
  return os.execute(("sleep %.2f"):format(seconds)) == 0
end

return function(...)
  local opt = cli.parse(spec, { ... }, "vgglua watch")
  if #opt ~= 1 then util.fail("usage", "vgglua watch: want one run: vgglua watch RUN") end
  local reader, screen = require "vgg.report.run", require "vgg.report.screen"
  local dir = reader.directory(opt[1], opt.runs_dir, "watch")
  local live = util.isatty(1) and not opt.once
  local look = { colour = util.colour(1), utf8 = require("vgg.train.line").is_utf8(),
    height = opt.height or 24 }
  local before
  repeat
    local now = fingerprint(dir)
    local run = reader.at(dir)
    if not run and not live then
      util.fail("data", "watch: '%s' holds no metrics.jsonl, so it is no run", dir)
    end
    if run and now ~= before then
      look.width = opt.width or util.width()
      local lines = screen(run, look)
      if live then
        io.stdout:write(before and "" or "\27[2J", "\27[H", table.concat(lines, "\27[K\n"),
          "\27[K\n\27[J")
      else
        io.stdout:write(table.concat(lines, "\n"), "\n")
      end
      io.stdout:flush()
      before = now
    end
    local done = not live or (run and run.finished)
  until done or not wait(opt.interval)
  return 0
end
