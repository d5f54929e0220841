-- Statistics by channel, and their table.
local Channels = { __name = "vgg.ChannelStats" }
Channels.__index = Channels

-- Of an output N x C (x H x W): an array of { mean, std, min, max, zeros }, zeros as a share.
function Channels.new(y, path)
  local list = y:detach():channel_stats()
  local seen = y.numel / math.max(1, #list)
  for _, s in ipairs(list) do s.zeros = s.zeros / seen end
  list.path, list.seen = path, seen
  return setmetatable(list, Channels)
end

-- The channel with the largest mean.
function Channels:largest()
  local best = 1
  for c, s in ipairs(self) do if s.mean > self[best].mean then best = c end end
  return best
end

local SHOWN = 12

function Channels:__tostring()
  local order, dead = {}, 0
  for c, s in ipairs(self) do
    order[c] = c
    if s.zeros == 1 then dead = dead + 1 end
  end
  table.sort(order, function(a, b)
    if self[a].mean ~= self[b].mean then return self[a].mean > self[b].mean end
    return a < b
  end)
  local lines = { ("%s: %d channels of %d values, %d always 0; by mean:"):format(self.path, #self,
    self.seen, dead), "channel      mean       std       min       max   zeros" }
  for i = 1, math.min(SHOWN, #order) do
    local s = self[order[i]]
    lines[#lines + 1] = ("%7d %9.4g %9.4g %9.4g %9.4g  %4.0f %%"):format(order[i], s.mean, s.std,
      s.min, s.max, 100 * s.zeros)
  end
  if #order > SHOWN then lines[#lines + 1] = ("... %d more"):format(#order - SHOWN) end
  return table.concat(lines, "\n")
end

return Channels
