-- Loss or gradient is NaN or infinite: finds the first layer where that shows, saves, stops.
local core = require "vgg.core"
local util = require "vgg.util"

local nonfinite = {}

local function finite(tensor)
  return core.scope(core.no_grad, function()
    local v = tensor:detach():abs():amax():item()
    return v == v and v ~= math.huge
  end)
end

local function owner(model, parameter)
  local layer = parameter:match "^(.*)%.[^.]*$" or parameter
  for name, module in model:named_modules() do
    if name == layer then return ("%s (%s)"):format(name, module.__name) end
  end
  return layer
end

local function bad_weight(model)
  for name, p in model:named_parameters() do
    if not finite(p) then return ("%s of %s"):format(name:match "[^.]*$", owner(model, name)) end
  end
end

-- Runs the batch again and watches what every layer without children gives, in order.
local function bad_activation(model, x)
  local first
  if not finite(x) then return "the input images" end
  local handles = {}
  for name, module in model:named_modules() do
    if #module._order == 0 then
      handles[#handles + 1] = module:register_forward_hook(function(_, _, y)
        if not first and not finite(y) then
          first = ("output of %s (%s)"):format(name, module.__name)
        end
      end)
    end
  end
  core.scope(core.no_grad, function() model(x) end)
  for _, h in ipairs(handles) do h:remove() end
  return first
end

-- Backward order: the layer nearest the loss whose gradient is not finite.
local function bad_gradient(model)
  local names = {}
  for name, p in model:named_parameters() do names[#names + 1] = { name, p } end
  for i = #names, 1, -1 do
    local g = names[i][2].grad
    if g and not finite(g) then return "gradient of " .. owner(model, names[i][1]) end
  end
  return "the norm of all gradients, which overflows"
end

local function word(v)
  if v ~= v then return "NaN" end
  return v > 0 and "infinite" or "minus infinite"
end

-- x: the batch, when it is the loss that failed; nil for gradients. Raises.
function nonfinite.stop(t, value, x)
  local model, p = t.task.model, t.position
  local path = t.run and t:save_checkpoint(t.run:path "nan.safetensors")
  local first = bad_weight(model)
  if not first then
    first = x and (bad_activation(model, x) or "the loss itself") or bad_gradient(model)
  end
  local lr = t:learning_rates()[1].value
  local before = t.last_norm and (", grad norm %.1e before"):format(t.last_norm) or ""
  util.fail("numbers", "train: %s is %s at epoch %d step %d. First non-finite value: %s. "
    .. "lr %g%s. %stry --lr %g%s", x and "loss" or "gradient", word(value), p.epoch + 1,
    p.batch + 1, first, lr, before, path and ("Saved %s; "):format(path) or "", lr / 10,
    t.opt.gradient_clip_val and "" or " or --gradient-clip-val 1")
end

return nonfinite
