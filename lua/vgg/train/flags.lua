-- The command line that experiments share, and how its values reach the data and the trainer:
--   local opt = train.flags { "What it does.", "Model", { "model", "vgg16_bn", "network" } }
--   local data = train.data(opt)
--   local trainer = train.trainer(opt, data, { model =, optimizer = })
local cli = require "vgg.cli"
local runs = require "vgg.train.runs"
local schedule = require "vgg.train.schedule"
local util = require "vgg.util"

local M = {}

local shared = {
  "Data",
  { "data", "auto", "where images come from", choices = { "auto", "cifar10", "synthetic" } },
  { "data_root", nil, "directory with CIFAR-10, default ./data" },
  { "data_url", nil, "mirror to download from" },
  { "batch_size", 128, "images a step", type = "int", min = 1 },
  { "val_split", 0.1, "share (or number) of training images that validate", min = 0 },
  { "train_share", nil, "share that trains, instead of --val-split", type = "number", min = 0 },
  { "split_seed", 42, "seed of the split, as torch's random_split", type = "int", min = 0 },
  { "data_split", "val", "what validates", choices = { "val", "test" } },
  { "augment", "dlcv", "augmentation", choices = { "dlcv", "course", "none" } },
  { "normalize", nil, "mean and std of the images, default the augmentation's",
    choices = { "cifar", "imagenet", "half" } },
  { "train_images", 50000, "size of the synthetic training set", type = "int", min = 20 },
  { "test_images", 10000, "size of the synthetic test set", type = "int", min = 1 },
  { "num_workers", 0, "threads that augment, 0 for all; no image depends on it", type = "int",
    min = 0 },
  { "partial_data", false, "accept data files that are shorter than the real ones" },
  "Training",
  { "max_epochs", 60, "passes over the training set", type = "int", min = 0, alias = "epochs" },
  { "max_steps", nil, "stop after so many steps", type = "int", min = 0 },
  { "max_time", nil, "stop after this time: DD:HH:MM:SS, 20m, 1200s", type = "duration" },
  { "patience", nil, "stop after so many validations without a better loss", type = "int",
    min = 1 },
  { "lr_schedule", "constant", "learning rate over the run", choices = schedule.choices },
  { "accumulate_grad_batches", 1, "batches a step", type = "int", min = 1,
    alias = "accumulate" },
  { "gradient_clip_val", nil, "clip gradients to this", type = "number", min = 0 },
  { "gradient_clip_algorithm", "norm", "what is clipped", choices = { "norm", "value" } },
  { "seed", 0xDEADBEEF, "of weights, order, augmentation, dropout", type = "int", min = 0 },
  { "device", "auto", "auto, cpu, cuda or cuda:N" },
  { "precision", "32", "arithmetic", choices = { "32", "tf32", "bf16-mixed" } },
  { "emulate_bf16", false, "bf16-mixed on a CPU without bf16 instructions, too: slower than 32" },
  { "threads", nil, "threads of the CPU, default all", type = "int", min = 1 },
  { "memory_limit", nil, "most that tensors may take, as 8GiB", type = "string" },
  "Trying things out",
  { "fast_dev_run", false, "one batch of everything, no checkpoint, no log" },
  { "overfit_batches", nil, "train and validate on the same so many batches", type = "limit" },
  { "limit_train_batches", math.huge, "batches of an epoch", type = "limit" },
  { "limit_val_batches", math.huge, "batches of a validation", type = "limit" },
  { "limit_test_batches", math.huge, "batches of a test", type = "limit" },
  { "num_sanity_val_steps", 2, "validation batches before the first epoch", type = "int", min = 0 },
  "Run and checkpoints",
  { "run_name", nil, "name of the run, default the time" },
  { "runs_dir", "runs", "where runs are kept" },
  { "resume", nil, "go on with a run: its name, a path, or last" },
  { "overwrite", false, "remove an existing run of that name first" },
  { "monitor", "val/acc", "metric of the best epoch" },
  { "check_val_every_n_epoch", 1, "epochs between validations", type = "int", min = 1 },
  { "checkpoint_every", 300, "time between checkpoints within an epoch", type = "duration" },
  { "checkpoint_every_n_steps", nil, "steps between them", type = "int", min = 1 },
  { "log_every_n_steps", 50, "steps between rows of the log", type = "int", min = 1 },
  { "pictures", true, "curves, confusion matrix, samples, augmentation as pictures" },
  { "logger", { "jsonl", "wandb" }, "where the log goes: jsonl, tensorboard, wandb" },
  { "tb_logs", "tb_logs", "where TensorBoard's files go" },
  { "torch_cache_dir", "torch_cache", "where pretrained weights are kept", env = "TORCH_HOME" },
  { "repl", false, "Ctrl-\\ or 'vgglua attach RUN' opens a prompt between two steps" },
  { "watch", false, "apply safe edits of the script while it trains" },
  { "profile", false, "time every kernel; a table at the end, profile.json in the run" },
  { "json", false, "one JSON object on stdout instead of tables" },
}

local function declaration(own)
  local spec, named = {}, {}
  for k, v in pairs(own) do if type(k) == "string" then spec[k] = v end end
  for i, row in ipairs(own) do
    spec[i] = row
    if type(row) == "table" then named[row[1]] = true end
  end
  for _, row in ipairs(shared) do
    if not (type(row) == "table" and named[row[1]]) then spec[#spec + 1] = row end
  end
  return spec
end

-- What a resumed run was started with stands for every flag that is not given now.
local function take_over(opt)
  local _, run = runs.resumable(opt.resume, opt.runs_dir)
  local before = run:read "config.json"
  for name, value in pairs(before and before.flags or {}) do
    if cli.source(opt, name) == "default" and name ~= "quiet" and name ~= "json" then
      opt[name] = value
    end
  end
end

-- Parses the script's arguments. `own`: the experiment's flags as for vgg.cli, put before the
-- shared ones; one of the same name replaces a shared one.
function M.parse(own, argv, program)
  local opt = cli(declaration(own), argv, program)
  if opt.resume then take_over(opt) end
  if opt.max_time and cli.source(opt, "max_epochs") == "default" and not opt.resume then
    opt.max_epochs = nil
  end
  return opt
end

-- The CIFAR-10 data module that the flags describe.
function M.data(opt)
  return require("vgg.data").CIFAR10DataModule {
    data = opt.data, data_dir = opt.data_root, data_url = opt.data_url, seed = opt.seed,
    batch_size = opt.batch_size, val_split = opt.val_split, train_share = opt.train_share,
    split_seed = opt.split_seed, data_split = opt.data_split, augment = opt.augment,
    normalize = opt.normalize,
    train_images = opt.train_images, test_images = opt.test_images,
    partial_data = opt.partial_data, num_workers = opt.num_workers, progress = not util.quiet(),
    device = require("vgg.train.device").resolve(opt.device), -- a GPU makes its batches itself
  }
end

local passed = { "max_epochs", "max_steps", "max_time", "accumulate_grad_batches",
  "gradient_clip_val", "gradient_clip_algorithm", "seed", "device", "precision", "emulate_bf16",
  "threads", "memory_limit", "repl", "watch", "profile",
  "fast_dev_run", "overfit_batches", "limit_train_batches", "limit_val_batches",
  "limit_test_batches", "num_sanity_val_steps", "run_name", "runs_dir", "resume", "overwrite",
  "monitor", "check_val_every_n_epoch", "checkpoint_every", "checkpoint_every_n_steps",
  "log_every_n_steps", "pictures", "tb_logs" }

local function words(opt, data)
  return ("%s, augmentation %s%s"):format(data.choice.words, opt.augment,
    opt.normalize and ", normalised " .. opt.normalize or "")
end

-- A Trainer with the flags' options and `fields` (model, optimizer, loss, callbacks, ...).
function M.trainer(opt, data, fields)
  local o = { hyper_parameters = opt, loggers = opt.logger, classes = data and data.classes,
    split_words = data and data.split_words, data_words = data and words(opt, data) }
  for _, name in ipairs(passed) do o[name] = opt[name] end
  o.schedule = data and schedule.of_flags(opt, data)
  for name, value in pairs(fields) do o[name] = value end
  o.callbacks = o.callbacks or {}
  if opt.freeze and #opt.freeze > 0 then
    table.insert(o.callbacks, require("vgg.callbacks").Freeze {
      unfreeze_epoch = opt.unfreeze_epoch, unpack(opt.freeze) })
  elseif opt.unfreeze_epoch then
    util.fail("usage", "--unfreeze-epoch says when parts train again; name them with --freeze")
  end
  if opt.patience then
    table.insert(o.callbacks, require("vgg.callbacks").EarlyStopping { patience = opt.patience })
  end
  return require("vgg.train").Trainer(o)
end

return M
