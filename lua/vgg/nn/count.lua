-- Multiply-accumulate operations of one image's forward pass, by layer: convolutions and linear
-- layers count, everything else is free by convention.
local core = require "vgg.core"

local count = {}

local function macs_of(module, y)
  local kind = module.__name
  if kind == "Conv2d" then
    return y.numel / module.weight.shape[1] * module.weight.numel -- out positions x weights
  elseif kind == "Linear" then
    return y.numel / module.weight.shape[1] * module.weight.numel -- rows x weights
  end
end

-- macs(model, { 3, 32, 32 }) -> total, { { name =, macs = }, ... }. Runs the model once on zeros in
-- evaluation mode and leaves its modes as they were.
function count.macs(model, shape)
  local total, rows, handles, modes = 0, {}, {}, {}
  for name, module in model:named_modules() do
    modes[module] = module.training
    if #module._order == 0 then
      handles[#handles + 1] = module:register_forward_hook(function(m, _, y)
        local macs = macs_of(m, y)
        if macs then
          total = total + macs
          rows[#rows + 1] = { name = name, macs = macs }
        end
      end)
    end
  end
  model:eval()
  local ok, message = pcall(core.no_grad, core.scope, function()
    model(core.zeros({ 1, unpack(shape) }))
  end)
  for _, handle in ipairs(handles) do handle:remove() end
  for module, mode in pairs(modes) do module:set_training(mode) end
  if not ok then error(message, 2) end
  return total, rows
end

return count
