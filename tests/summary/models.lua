-- The twins of the models in tests/parity/make_summary.py.
local core = require "vgg.core"
local nn = require "vgg.nn"

local models = {}

local Null = nn.class "NullModel"

function Null:init()
  self.block1 = nn.Sequential { nn.Conv2d { 3, 32, kernel = 3, pad = 1 }, nn.ReLU {},
    nn.MaxPool2d { 2 } }
  self.block2 = nn.Sequential { nn.Conv2d { 32, 64, kernel = 3, pad = 1 }, nn.ReLU {},
    nn.MaxPool2d { 2 } }
  self.head = nn.Sequential { nn.Flatten {}, nn.Linear { 4096, 128 }, nn.ReLU {},
    nn.Linear { 128, 10 } }
end

function Null:forward(x) return self.head(self.block2(self.block1(x))) end

models.null = Null

local Shared = nn.class "Shared"

function Shared:init()
  self:register_parameter("scale", core.ones({ 1 }))
  self.stem = nn.Sequential { nn.Conv2d { 3, 8, kernel = 3, stride = 2, pad = 1, bias = false },
    nn.BatchNorm2d { 8 } }
  self.twice = nn.Conv2d { 8, 8, kernel = 1 }
  self.head = nn.Sequential { nn.AdaptiveAvgPool2d { 1 }, nn.Flatten {}, nn.Linear { 8, 3 } }
  self.stem:requires_grad_(false)
  self.head[3].bias:requires_grad_(false)
end

function Shared:forward(x) return self.head(self.twice(self.twice(self.stem(x))) * self.scale) end

models.shared = Shared

return models
