-- load(what): a model rebuilt from a checkpoint alone, in evaluation mode, and the file's metadata.
-- `what` is a file, or a run (name or directory), of which the best weights are meant.
local checkpoint = require "vgg.checkpoint"
local runs = require "vgg.train.runs"
local util = require "vgg.util"

return function(what, options)
  util.check_options("load", options or {}, { runs_dir = true, model = true })
  local path = runs.find(what, options and options.runs_dir, "best")
  local info, why = checkpoint.inspect(path)
  if not info then util.fail("data", "%s", why) end
  local model = options and options.model
  if not model then
    local spec = info.meta.config and info.meta.config.model
    if not spec or not spec.options then
      util.fail("data", "checkpoint: '%s' does not say which model it is; vgg.load(path, "
        .. "{ model = ... }) takes one", path)
    end
    model = require("vgg.models").build(spec.name, spec.options)
  end
  local meta
  meta, why = checkpoint.load_into(path, model:state_dict())
  if not meta then util.fail("data", "%s", why) end
  model:eval()
  return model, meta
end
