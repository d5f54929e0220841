-- `vgglua report RUN...`: everything about runs in one HTML file that opens from disk.
local cli = require "vgg.cli"
local core = require "vgg.core"
local util = require "vgg.util"

local spec = {
  "Writes a report of runs: curves, best epoch, confusion matrix, classes, samples, attacks,\n" ..
    "settings and answers in words, as one HTML file without any request. A run is a name in\n" ..
    "--runs-dir or a path; several are compared first.",
  { "runs_dir", "runs", "where runs are kept" },
  { "output", nil, "the page, default report.html in the run's directory" },
  { "markdown", nil, "also write Markdown, for a W&B report (- for standard output)" },
  args = "RUN...",
}

local function put(path, text) require "vgg.report.put"(path, text, "report") end

local function read_all(opt)
  local reader, runs = require "vgg.report.run", {}
  if #opt == 0 then util.fail("usage", "vgglua report: want a run: vgglua report RUN") end
  for i = 1, #opt do
    runs[i] = reader.read(opt[i], opt.runs_dir, "report", { attacks = true })
  end
  return runs
end

-- The comparison stands before the runs it is about.
local function blocks_of(runs, opt)
  local trained, blocks = {}, {}
  for _, run in ipairs(runs) do
    if run.config.kind ~= "attack" then trained[#trained + 1] = run end
  end
  if #trained > 1 then
    blocks = require("vgg.report.compare_views").blocks(require("vgg.report.compare").of(trained))
  end
  for _, run in ipairs(runs) do
    for _, b in ipairs(require("vgg.report.report").of(run, opt.runs_dir)) do
      blocks[#blocks + 1] = b
    end
  end
  return blocks
end

return function(...)
  local opt = cli.parse(spec, { ... }, "vgglua report")
  local runs = read_all(opt)
  local blocks, names = blocks_of(runs, opt), {}
  local document = require "vgg.report.document"
  for i, run in ipairs(runs) do names[i] = run.name end
  local path = opt.output or runs[1].dir .. "/report.html"
  put(path, document.html(blocks, { title = "Report of " .. table.concat(names, ", "),
    footer = ("vgglua %s, %s"):format(core.version, os.date "%Y-%m-%d %H:%M") }))
  if opt.markdown then put(opt.markdown, document.markdown(blocks)) end
  if opt.markdown ~= "-" then
    print(("%s (%s)"):format(path, util.bytes((core.fs.stat(path) or { size = 0 }).size)))
  end
  return 0
end
