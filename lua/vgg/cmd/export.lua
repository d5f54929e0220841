-- `vgglua export WHAT --output FILE`: weights in another format.
local checkpoint = require "vgg.checkpoint"
local cli = require "vgg.cli"
local in_order = require "vgg.checkpoint.order"
local util = require "vgg.util"

local spec = {
  "Writes the weights of a run, a checkpoint or any file of weights in another format, by the "
    .. "ending of --output: .pth and .pt (torch.load), .safetensors, .ckpt (Lightning, with the "
    .. "optimizer's state where there is one).",
  { "output", "", "file to write", alias = "o" },
  { "prefix", "", "in front of every name, as 'model.', which .ckpt has anyway" },
  { "dtype", nil, "floating tensors become", choices = { "f32", "f16", "bf16" } },
  { "legacy", false, ".pth as PyTorch wrote it before 1.6" },
  { "optimizer", true, "keep the optimizer's state in a .ckpt" },
  { "runs_dir", "runs", "where runs are kept" },
  args = "FILE|RUN",
}

local function names_of(info, tensors)
  local names = {}
  for _, e in ipairs(info.entries) do
    if tensors[e.name] then names[#names + 1] = e.name end
  end
  return info.format == "safetensors" and in_order(names) or names
end

-- A run's optimizer state as optim's state_dict gave it, or nil.
local function optimizer_of(file)
  if not (file.meta.optimizer and file.meta.optimizer.groups) then return nil end
  local dict = {}
  for key, value in pairs(file.meta.optimizer) do dict[key] = value end
  for name, tensor in pairs(file.tensors) do
    local key = name:match "^optimizer%.(.*)$"
    if key then dict[key] = tensor end
  end
  return dict
end

local function options_of(opt, info, file)
  local options = { names = info.names, dtype = opt.dtype,
    prefix = opt.prefix ~= "" and opt.prefix or nil, legacy = opt.legacy }
  local config, position = file.meta.config, file.meta.position or {}
  if config and config.model and not options.prefix then
    -- what an attack asks of a network: classes, normalisation, the split it was trained on
    local whole = opt.output:find "%.safetensors$"
    options.meta = { config = whole and config or { model = config.model } }
  end
  if not opt.output:find "%.ckpt$" then return options end
  local plain = file.plain or {}
  options.optimizer = opt.optimizer and not options.dtype and optimizer_of(file) or nil
  options.epoch = position.epoch or tonumber(plain.epoch)
  options.global_step = position.step or tonumber(plain.global_step)
  options.hyper_parameters = config and config.flags or
    type(plain.hyper_parameters) == "table" and plain.hyper_parameters or nil
  return options
end

return function(...)
  local opt = cli.parse(spec, { ... }, "vgglua export")
  if #opt ~= 1 or opt.output == "" then
    util.fail("usage", "vgglua export: want what and where: vgglua export RUN --output model.pth")
  end
  local path = require("vgg.train.runs").find(opt[1], opt.runs_dir, "best")
  local info, why = checkpoint.inspect(path)
  local file
  if info then file, why = checkpoint.load(path) end
  if not file then util.fail("data", "%s", why) end
  local tensors = {}
  for name, tensor in pairs(file.tensors) do
    if not name:find "^optimizer%." then tensors[name] = tensor end
  end
  info.names = names_of(info, tensors)
  require "vgg.save"(tensors, opt.output, options_of(opt, info, file))
  print(("%s: %d tensors, %s"):format(opt.output, #info.names,
    util.bytes(require("vgg.core").fs.stat(opt.output).size)))
  return 0
end
