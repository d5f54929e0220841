-- vgg.nn: layers and containers. Constructors take one table: what it is by position, how it
-- behaves by name: nn.Conv2d { 64, 128, kernel = 3, pad = 1, bias = false }.
local Module = require "vgg.module"

local nn = { Module = Module }

for _, part in ipairs { "leaf", "activations", "pooling", "losses", "containers" } do
  for name, value in pairs(require("vgg.nn." .. part)) do nn[name] = value end
end

nn.init = require("vgg.core").init -- kaiming_normal_, zeros_, ... on tensors
nn.count_macs = require("vgg.nn.count").macs

-- A new kind of module: local Net = nn.class "Net"; function Net:init(options) ... end
function nn.class(name) return Module:extend(name) end

return nn
