-- A pass over validation or test data with the model in evaluation mode and without gradients.
local core = require "vgg.core"
local signals = require "vgg.train.signals"

local evaluate = {}

local function batch(t, stage, feed, scores, k)
  local x, y = feed:get(k, 0)
  local loss, outputs = signals.droppable(t, core.autocast, t.opt.autocast,
    t.task.validation_step, t.task, x, y, k)
  scores:update(loss:item(), outputs, y, feed:size_of(k, y))
  t:call("on_" .. stage .. "_batch_end", k, outputs, y, x)
end

local names = { val = "validation", test = "test", sanity = "sanity" }

-- stage: "val", "test" or "sanity". Returns the values of `scores`, which is reset first.
function evaluate.run(t, stage, feed, scores, batches)
  local name = names[stage]
  scores:reset()
  t.task.model:eval()
  t:call("on_" .. name .. "_epoch_start", batches or feed.batches)
  for k = 1, batches or feed.batches do
    core.scope(core.no_grad, batch, t, name, feed, scores, k)
    t:poll()
    if t.stop_reason == "signal" then break end
  end
  t.task.model:train()
  return scores:values()
end

return evaluate
