-- load(what): a model rebuilt from a checkpoint alone, in evaluation mode, and the file's metadata.
-- `what` is a file (ours, or .pth, .pt, .ckpt, .safetensors of PyTorch), a directory that holds
-- one, or a run (name or directory), of which the best weights are meant. A file that does not say
-- which model it is of is recognised by its shapes, or loaded into options.model.
local checkpoint = require "vgg.checkpoint"
local fit = require "vgg.checkpoint.fit"
local runs = require "vgg.train.runs"
local util = require "vgg.util"

local function build(path, info)
  local spec = info.meta.config and info.meta.config.model
  if not (spec and spec.options) then spec = fit.model_of(info.entries) end
  if spec then return require("vgg.models").build(spec.name, spec.options) end
  util.fail("data", "checkpoint: '%s' does not say which model it is%s. vgg.load(path, "
    .. "{ model = ... }) fills one, vgg.load_state(path) gives the tensors", path,
    fit.looks_like(info.entries))
end

-- options: model (an instance to fill), strict (default true; false leaves what does not fit alone
-- and returns the names as a third value { missing =, unexpected =, differing = }), runs_dir.
return function(what, options)
  options = options or {}
  util.check_options("load", options, { runs_dir = true, model = true, strict = true })
  local path = runs.find(what, options.runs_dir, "best")
  local info, why = checkpoint.inspect(path)
  if not info then util.fail("data", "%s", why) end
  local model = options.model or build(path, info)
  local meta, report = checkpoint.load_into(path, (model:state_dict()),
    { model = model.__name, strict = options.strict })
  if not meta then util.fail("data", "%s", report) end
  model:eval()
  return model, meta, options.strict == false and report or nil
end
