-- What logging costs the thread that trains: microseconds a scalar and the longest call, for each
-- logger on a good disk, and for metrics.jsonl on a full one and on one that never answers.
--   vgglua tests/bench/log.lua [--scalars 10000] [--directory /tmp]
local cli = require "vgg.cli"
local core = require "vgg.core"
local log = require "vgg.log"
local runs = require "vgg.train.runs"
local Sink = require "vgg.log.sink"

local opt = cli {
  "Measures what logging costs the training thread.",
  { "scalars", 10000, "values to log, five a row", type = "int" },
  { "directory", "/tmp", "where a directory for the files is made" },
}

local dir = opt.directory .. "/vgg-bench-log"
os.execute(("rm -rf '%s'; mkdir -p '%s'"):format(dir, dir))

-- Seconds in all, seconds of the longest call, and of one in a hundred.
local function measure(n, f)
  local times = {}
  for i = 1, n do
    local before = core.clock()
    f(i)
    times[i] = core.clock() - before
  end
  table.sort(times)
  local sum = 0
  for _, t in ipairs(times) do sum = sum + t end
  return sum, times[n], times[math.ceil(0.99 * n)]
end

local rows = math.floor(opt.scalars / 5)

local function row(i)
  return { type = "step", epoch = 1, step = i, batch = i, ["train/loss_step"] = 1 / i,
    ["train/acc_step"] = 0.5, grad_norm = 2 / i, ["lr-Adam"] = 1e-3, ["val/loss"] = i,
    timing = { wall = 0, elapsed = i } }
end

local function report(name, n, sum, longest, percentile)
  print(("%-34s %8.2f us a scalar  %7.1f ms in all  99 %% of calls below %6.3f ms  longest %7.3f")
    :format(name, 1e6 * sum / n, 1e3 * sum, 1e3 * percentile, 1e3 * longest))
end

local function loggers(names, label)
  local run = runs.create { root = dir, name = label }
  local list = log.open(names, run, { tb_logs = dir .. "/tb", flags = {}, experiment = "bench" })
  list:log_config { flags = {} }
  local sum, longest, percentile = measure(rows, function(i) list:log_metrics(row(i)) end)
  report(label, rows * 5, sum, longest, percentile)
  local before = core.clock()
  list:flush(true)
  list:close()
  print(("%-34s %8.1f ms to the disk at the end"):format("", 1e3 * (core.clock() - before)))
end

for _, names in ipairs { { "jsonl" }, { "tensorboard" }, { "wandb" },
  { "jsonl", "tensorboard", "wandb" } } do
  loggers(names, table.concat(names, ","))
end

local function bad_disk(label, path)
  local sink = Sink.new(label, 1e6)
  local line = ("x"):rep(150) .. "\n"
  local sum, longest, percentile = measure(rows, function() sink:append(path, line) end)
  report("metrics.jsonl, " .. label, rows * 5, sum, longest, percentile)
  local before = core.clock()
  sink:close()
  print(("%-34s %8.1f ms to give up at the end"):format("", 1e3 * (core.clock() - before)))
end

bad_disk("disk full", "/dev/full")
os.execute(("mkfifo '%s/pipe'"):format(dir))
bad_disk("disk that never answers", dir .. "/pipe")
os.execute(("rm -rf '%s'"):format(dir))
