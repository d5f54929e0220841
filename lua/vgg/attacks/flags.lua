-- What attack experiments share: their command line, and the network, data and run it describes.
local cli = require "vgg.cli"
local core = require "vgg.core"
local util = require "vgg.util"

local M = {}

local shared = {
  "Victims",
  { "source_class", "best", "class of the images: a name, the beginning of one, a number, or best "
    .. "(highest recall)" },
  { "n_samples", 5, "images of it", type = "int", min = 1 },
  { "only_correct", false, "take only images that the network gets right" },
  { "data_split", "val", "where images are drawn from", choices = { "val", "test" } },
  { "seed", 0, "draws the images, and random starts", type = "int", min = 0 },
  "Network and data",
  { "ckpt_path", nil, "checkpoint or run; default the newest best one under runs/, else weights/" },
  { "data_root", nil, "directory with CIFAR-10, default that of the training, else ./data" },
  { "data", "auto", "where images come from", choices = { "auto", "cifar10", "synthetic" } },
  { "partial_data", false, "accept data files that are shorter than the real ones" },
  { "device", "auto", "auto, cpu, cuda or cuda:N" },
  { "precision", "32", "arithmetic", choices = { "32", "tf32", "bf16-mixed" } },
  { "emulate_bf16", false, "bf16-mixed on a CPU without bf16 instructions, too: slower than 32" },
  { "threads", nil, "threads of the CPU, default all", type = "int", min = 1 },
  "Run",
  { "run_name", nil, "name of the run, default the time" },
  { "runs_dir", "runs", "where runs are kept" },
  { "overwrite", false, "remove an existing run of that name first" },
  { "logger", { "jsonl" }, "where the results go" },
  { "json", false, "one JSON object on stdout instead of tables" },
}

-- The elements of a list flag as numbers, times `unit`.
function M.numbers(flag, list, unit)
  local out = {}
  for i, item in ipairs(list) do
    local value = tonumber(item)
    if not value or value < 0 then
      util.fail("usage", "%s: want numbers from 0, got '%s'", flag, tostring(item))
    end
    out[i] = value * (unit or 1)
  end
  return out
end

-- Parses the script's arguments: its own flags, then the shared ones; of two with one name its own
-- stands.
function M.flags(own, argv, program)
  local spec, named = {}, {}
  for i, row in ipairs(own) do
    spec[i] = row
    if type(row) == "table" then named[row[1]] = true end
  end
  for _, row in ipairs(shared) do
    if not (type(row) == "table" and named[row[1]]) then spec[#spec + 1] = row end
  end
  return cli(spec, argv, program)
end

-- The precision for vgg.autocast.
local function check_precision(opt)
  opt.device = require("vgg.train.device").resolve(opt.device)
  return require("vgg.train.precision").check(opt.precision, opt.device, opt.emulate_bf16)
end

-- The split as the network's training made it; a flag given here wins.
local function data_of(opt, config, place)
  local flags = config and config.flags or {}
  local whole = require("vgg.train.runs").of(place.path):read "config.json"
  local trained = whole and whole.flags or {}
  local words = config and config.data and type(config.data.train) == "string"
    and config.data.train or ""
  local data, root = opt.data, opt.data_root
  if cli.source(opt, "data") == "default" and not root then
    root = trained.data_root
    if flags.data == "synthetic" or words:lower():find "synthetic" then data = "synthetic" end
  end
  local module = require("vgg.data").CIFAR10DataModule {
    data = data, data_dir = root, seed = flags.split_seed or 42,
    val_split = flags.val_split, train_share = flags.train_share, augment = "none",
    train_images = flags.train_images, test_images = flags.test_images,
    partial_data = opt.partial_data or trained.partial_data or false,
    progress = not util.quiet(),
  }
  local test = opt.data_split == "test"
  module:setup(test and "test" or "validate")
  return test and module.test or module.val, module.choice.words
end

local function progress_of(what)
  local line = require "vgg.attacks.progress" { what = what }
  return function(done, total) line:share(done, total) end, line
end

-- A 0-based class, or nil for images of every class.
local function choose_class(opt, model, set)
  if opt.source_class == "all" then return nil end
  if opt.source_class ~= "best" then
    return require("vgg.attacks.labels").class_of(opt.source_class, set.classes, "--source-class")
  end
  local step, line = progress_of "recall of each class"
  local class, recall = require("vgg.attacks.victims").best_class(model, set, step)
  line:clear()
  util.log("note", "source class %s: the highest recall, %.3f, of the %s %s images (--source-class "
    .. "names another)", set.classes[class + 1], recall, util.count(#set),
    set.split == "test" and "test" or "validation")
  return class
end

local function header(s)
  local set, opt = s.set, s.opt
  util.log("info", "vgglua %s  %s", core.version, jit and jit.version or _VERSION)
  util.log("info", "device  %s; precision %s", core.device.describe(opt.device),
    require("vgg.train.precision").words(opt.precision, opt.device))
  util.log("info", "data    %s; %s", s.data_words, tostring(set))
  util.log("info", "model   %s, %s parameters, from %s%s", s.model.body.__name,
    util.count((s.model:num_parameters())), s.place.path,
    s.place.why and (" (%s)"):format(s.place.why) or "")
  util.log("info", "seed    %d", opt.seed)
end

-- Everything an experiment needs: { model, meta, set (of images), class, victims, run, opt }.
function M.session(opt)
  local autocast = check_precision(opt)
  if opt.threads then core.device.set_threads(opt.threads) end
  core.manual_seed(opt.seed)
  local s = { opt = opt }
  s.model, s.meta, s.place = require "vgg.attacks.load"(opt.ckpt_path,
    { runs_dir = opt.runs_dir, precision = autocast })
  if opt.device ~= "cpu" then s.model:to(opt.device) end
  local config = s.meta.config
  local named = opt.source_class ~= "best" and opt.source_class ~= "all"
  if named then -- a slip of the pen shows before anything is read
    require("vgg.attacks.labels").class_of(opt.source_class, config and config.classes,
      "--source-class")
  end
  s.set, s.data_words = data_of(opt, config, s.place)
  header(s)
  s.class = choose_class(opt, s.model, s.set)
  s.classes = s.set.classes
  s.victims = require("vgg.attacks.victims").victims { model = s.model, set = s.set,
    class = s.class, count = opt.n_samples, seed = opt.seed, only_correct = opt.only_correct }
  s.run = require("vgg.train.runs").create { name = opt.run_name, root = opt.runs_dir,
    overwrite = opt.overwrite }
  util.log("info", "log     %s", s.run.dir)
  s.config = { command = require("vgg.train.config").command(), flags = opt, version = core.version,
    checkpoint = s.place.path, classes = s.classes,
    source_class = s.class and s.classes[s.class + 1] or "all",
    samples = s.victims.positions, data = s.data_words, set = tostring(s.set),
    started = os.date "!%Y-%m-%dT%H:%M:%SZ", kind = "attack" }
  return s
end

return M
