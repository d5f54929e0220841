-- `vgglua compare RUN_A RUN_B...`: learning curves in one picture, numbers, classes, side by side.
local cli = require "vgg.cli"
local core = require "vgg.core"
local util = require "vgg.util"

local spec = {
  "Compares runs with the first one: curves, best epochs, tests, classes, times and settings.\n" ..
    "A run is a name in --runs-dir or a path. Writes curves.png, curves.svg, compare.md and\n" ..
    "compare.html.",
  { "runs_dir", "runs", "where runs are kept" },
  { "output", nil, "directory for the files, default RUNS_DIR/compare/RUN_A-RUN_B" },
  { "markdown", nil, "also write the Markdown to this file (- for standard output)" },
  { "html", nil, "also write the page to this file" },
  { "json", false, "one JSON object on stdout instead of tables" },
  args = "RUN_A RUN_B...",
}

local function put(path, text) require "vgg.report.put"(path, text, "compare") end

local function must(ok, why)
  if not ok then util.fail("data", "compare: %s", why) end
end

local function read_all(opt)
  local reader, runs, seen = require "vgg.report.run", {}, {}
  if #opt < 2 then
    util.fail("usage", "vgglua compare: want two runs or more: vgglua compare RUN_A RUN_B%s",
      #opt == 1 and (", got '%s'"):format(opt[1]) or "")
  end
  for i = 1, #opt do
    runs[i] = reader.read(opt[i], opt.runs_dir, "compare")
    local place = core.fs.realpath(runs[i].dir) or runs[i].dir
    if seen[place] then
      util.fail("usage", "vgglua compare: '%s' and '%s' are the same run", seen[place], opt[i])
    end
    seen[place] = opt[i]
  end
  return runs
end

local function output_directory(opt, runs)
  if opt.output then return opt.output end
  local name = runs[1].name .. "-" .. runs[2].name
  if #runs > 2 then name = ("%s-and-%d-more"):format(name, #runs - 2) end
  return opt.runs_dir .. "/compare/" .. name
end

local function write_files(opt, c, views)
  local dir = output_directory(opt, c.runs)
  local figure = require("vgg.report.figures").compare(c.runs)
  local page = views.html(c)
  must(core.fs.mkdir(dir))
  figure:save(dir .. "/curves.png")
  figure:save(dir .. "/curves.svg", { theme = "auto" })
  put(dir .. "/compare.md", views.markdown(c, "curves.png"))
  put(dir .. "/compare.html", page)
  if opt.html then put(opt.html, page) end
  if opt.markdown then put(opt.markdown, views.markdown(c)) end
  return dir
end

return function(...)
  local opt = cli.parse(spec, { ... }, "vgglua compare")
  local runs = read_all(opt)
  local views = require "vgg.report.compare_views"
  local c = require("vgg.report.compare").of(runs)
  local dir = write_files(opt, c, views)
  if opt.json then
    local o = views.object(c)
    o.output = dir
    io.stdout:write(require("vgg.json").encode(o), "\n")
  elseif opt.markdown ~= "-" then
    io.stdout:write(views.text(c, util.colour(1)))
    io.stdout:write(("\nwritten to %s: curves.png curves.svg compare.md compare.html\n")
      :format(dir))
  end
  return 0
end
