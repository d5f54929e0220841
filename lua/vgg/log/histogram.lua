-- What log_histogram was given as edges, counts and sums: values (tensor or array), or bins (edges)
-- and counts.
local core = require "vgg.core"

local function from_counts(o)
  local bins, counts = o.bins, o.counts
  if #bins ~= #counts + 1 then
    error(("log_histogram: want one edge more than counts, got %d and %d"):format(#bins, #counts),
      0)
  end
  local h = { bins = bins, counts = counts, min = bins[1], max = bins[#bins], num = 0, sum = 0,
    sum_squares = 0 }
  for i, n in ipairs(counts) do
    local middle = (bins[i] + bins[i + 1]) / 2
    h.num, h.sum = h.num + n, h.sum + n * middle
    h.sum_squares = h.sum_squares + n * middle * middle
  end
  return h
end

return function(o)
  if o.counts then return from_counts(o) end
  local values = o.values
  if type(values) == "table" then values = core.tensor(values) end
  return core.scope(function()
    return core.log.histogram(values:detach():cpu():float():contiguous():tobytes(), 64)
  end)
end
