-- The flag --lr-schedule: how the learning rates move over the whole run, one call a step.
local options = require "vgg.train.options"
local util = require "vgg.util"

local schedule = {}

schedule.choices = { "constant", "cosine", "onecycle" }

local function total_steps(opt, loader)
  if opt.max_steps then return opt.max_steps end
  if not opt.max_epochs then
    util.fail("usage", "--lr-schedule %s needs the length of the run: give --max-epochs or "
      .. "--max-steps beside --max-time", opt.lr_schedule)
  end
  local batches = options.limited(opt.limit_train_batches, loader:len(), "limit_train_batches")
  return opt.max_epochs * math.ceil(batches / opt.accumulate_grad_batches)
end

local function rates(optimizer)
  local list = {}
  for i, group in ipairs(optimizer.param_groups) do list[i] = group.lr end
  return list
end

-- nil for constant rates, else a function(optimizer) -> schedule, for the Trainer. cosine falls to
-- 0; onecycle rises from lr / 25 to lr in the first 30 % of the steps and falls to lr / 250,000,
-- as PyTorch's OneCycleLR does.
function schedule.of_flags(opt, data)
  if (opt.lr_schedule or "constant") == "constant" then return nil end
  local optim = require "vgg.optim"
  local total = math.max(1, total_steps(opt, data:train_dataloader()))
  if opt.lr_schedule == "cosine" then return optim.schedule.Cosine { T_max = total } end
  return function(optimizer)
    return optim.schedule.OneCycle { optimizer, max_lr = rates(optimizer), total_steps = total }
  end
end

return schedule
