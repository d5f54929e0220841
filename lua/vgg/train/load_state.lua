-- load_state(what): the tensors of a file by name, and what else it holds: the inverse of
-- vgg.save(tensors, path). `what` as for vgg.load.
local checkpoint = require "vgg.checkpoint"
local runs = require "vgg.train.runs"
local util = require "vgg.util"

-- options: all = true adds what lies beside the model's weights (optimizer states), under the
-- file's own names; mmap = true leaves tensors in the file, unread and unchecked, until they are
-- touched (writes stay private; the file must not shrink meanwhile); runs_dir. Second value:
-- { meta = of our own files, plain = what torch.save kept beside tensors: epoch, ... }.
return function(what, options)
  options = options or {}
  util.check_options("load_state", options, { runs_dir = true, all = true, mmap = true })
  local path = runs.find(what, options.runs_dir, "best")
  local skip = not options.all and "optimizer." or nil
  local file, why = checkpoint.load(path, { all = options.all, skip = skip, mmap = options.mmap })
  if not file then util.fail("data", "%s", why) end
  return file.tensors, { meta = file.meta, plain = file.plain }
end
