-- What an attack makes smaller, one value a sample: objective(logits, classes, wanted, kappa).
-- wanted: the classes are to be reached (targeted); otherwise they are to be left.
local core = require "vgg.core"

local objectives = {}

-- -log p(class): its gradient never vanishes while p is small.
function objectives.logprob(logits, classes, wanted)
  local loss = logits:cross_entropy(classes, { reduction = "none" })
  return wanted and loss or -loss
end

-- -p(class), as the assignment reads literally: the gradient is p (1 - p) times that of the logits
-- and is lost in rounding where the network is sure.
function objectives.prob(logits, classes, wanted)
  local p = logits:softmax(2):gather(2, classes:unsqueeze(2)):squeeze(2)
  return wanted and -p or p
end

-- The lead of the best other class over the wanted one (or the other way round), at least -kappa:
-- the f6 of Carlini and Wagner.
function objectives.margin(logits, classes, wanted, kappa)
  local n, k = logits.shape[1], logits.shape[2]
  local own = logits:gather(2, classes:unsqueeze(2)):squeeze(2)
  local here = core.arange(0, k, 1):to(logits.device):reshape(1, k):eq(classes:unsqueeze(2))
  local out = core.full({ n, k }, -1e30, logits.device)
  local other = core.where(here, out, logits):amax(2)
  local lead = wanted and other - own or own - other
  return lead:clamp(-(kappa or 0), math.huge)
end

return objectives
