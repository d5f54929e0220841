-- frozen(model, fn, ...): calls fn with the model in evaluation mode and with no parameter that
-- wants a gradient, so that only the path to the input is computed. Afterwards, also after an
-- error, every module is in its old mode and every parameter as it was.
local core = require "vgg.core"

return function(model, fn, ...)
  local training, wanted = {}, {}
  for _, module in model:named_modules() do
    if module.training then
      training[#training + 1] = module
      module:set_training(false)
    end
  end
  for _, p in model:named_parameters() do
    if p.requires_grad then
      wanted[#wanted + 1] = p
      p:requires_grad_(false)
    end
  end
  local function restore(ok, ...)
    core.constant_weights(false)
    for _, module in ipairs(training) do module:set_training(true) end
    for _, p in ipairs(wanted) do p:requires_grad_(true) end
    if not ok then error((...), 0) end
    return ...
  end
  core.constant_weights(true)
  return restore(pcall(fn, ...))
end
