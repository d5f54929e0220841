-- Not part of the suite: kills an experiment with SIGKILL at random moments, resumes it until it is
-- done, and compares log and weights with the undisturbed run.
--   vgglua tests/train/kill9.lua --times 10 --directory /dev/shm/kill9 \
--     --experiment "experiments/finetune.lua --data synthetic --train-images 640 --max-epochs 2"
local cli = require "vgg.cli"
local core = require "vgg.core"
local json = require "vgg.json"

local opt = cli {
  "Kills and resumes an experiment, and compares.",
  { "experiment", "experiments/finetune.lua", "script and its arguments" },
  { "times", 10, "runs that are killed", type = "int" },
  { "kills", 1, "kills in each run", type = "int" },
  { "workers", 3, "threads of the augmentation after a kill", type = "int" },
  { "directory", "/dev/shm/kill9", "where the runs go" },
  { "draws", 1, "seed of the moments", type = "int" },
}
local program = os.getenv "VGGLUA" or "build/vgglua"

local function start(arguments, seconds)
  local command = ("timeout -s KILL %.2f %s %s --runs-dir %s >%s/log 2>&1"):format(
    seconds or 3600, program, arguments, opt.directory, opt.directory)
  local before = core.clock()
  return os.execute(command), core.clock() - before
end

local function rows(name)
  local list = {}
  for line in io.lines(("%s/%s/metrics.jsonl"):format(opt.directory, name)) do
    local row = json.decode(line)
    row.timing = nil
    list[#list + 1] = json.encode(row)
  end
  return table.concat(list, "\n")
end

local function sum(name, file)
  return core.io.sha256(("%s/%s/%s.safetensors"):format(opt.directory, name, file))
end

os.execute("mkdir -p " .. opt.directory)
local status, whole = start(opt.experiment .. " --run-name whole --overwrite")
assert(status == 0, "the undisturbed run failed, see " .. opt.directory .. "/log")
io.stdout:setvbuf "line"
print(("undisturbed: %.1f s, %d rows"):format(whole, select(2, rows("whole"):gsub("\n", "")) + 1))
math.randomseed(opt.draws)
local script, equal = opt.experiment:match "^(%S+)", 0
for i = 1, opt.times do
  local name, moments = "killed", {}
  local arguments = opt.experiment .. " --run-name killed --overwrite"
  for k = 1, opt.kills do
    local moment = whole * (0.05 + 0.95 * math.random())
    if start(arguments, moment) == 0 then break end
    moments[k] = ("%.1f s"):format(moment)
    arguments = ("%s --resume killed --num-workers %d"):format(script, opt.workers)
    if not core.fs.exists(opt.directory .. "/killed") then
      arguments = opt.experiment .. " --run-name killed"
    end
  end
  local ended = start(arguments) == 0
  local log = ended and rows(name) == rows "whole"
  local last = ended and sum(name, "last") == sum("whole", "last")
  local best = ended and sum(name, "best") == sum("whole", "best")
  if log and last and best then equal = equal + 1 end
  print(("%2d  killed at %s: log %s, last %s, best %s"):format(i, table.concat(moments, ", "),
    log and "equal" or "DIFFERS", last and "equal" or "DIFFERS", best and "equal" or "DIFFERS"))
end
print(("%d of %d equal"):format(equal, opt.times))
os.exit(equal == opt.times and 0 or 1)
