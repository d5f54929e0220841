-- What a bf16-mixed step is predicted to need, and needs.
local core = require "vgg.core"
local plan = require "vgg.summary.plan"
local vgg = require "vgg"

local function net()
  return vgg.nn.Sequential {
    vgg.nn.Conv2d { 3, 40, kernel = 3, pad = 1 }, vgg.nn.BatchNorm2d { 40 }, vgg.nn.ReLU {},
    vgg.nn.MaxPool2d { 2 }, vgg.nn.Conv2d { 40, 64, kernel = 3, pad = 1, stride = 2 },
    vgg.nn.BatchNorm2d { 64 }, vgg.nn.ReLU {}, vgg.nn.Dropout { 0.2 }, vgg.nn.Flatten {},
    vgg.nn.Linear { 64 * 16, 10 },
  }
end

describe("memory of bf16-mixed", function()
  it("is predicted within two percent", function()
    local model, batch = net(), 200
    local predicted = plan.training(model, { batch_size = batch, input = { 3, 16, 16 },
      autocast = "bf16" })
    collectgarbage()
    collectgarbage()
    local optimizer = vgg.optim.Adam { model, lr = 1e-3 }
    local x, y = core.randn { batch, 3, 16, 16 }, core.zeros({ batch }, "int64")
    core.device.reset_peak()
    local before = core.device.memory().live
    for _ = 1, 2 do
      core.scope(function()
        local loss = core.scope(core.autocast, "bf16", function()
          return model(x):cross_entropy(y)
        end)
        loss:item()
        loss:backward()
        optimizer:step()
        optimizer:zero_grad()
      end)
    end
    local inputs = 4 * x.numel + 8 * y.numel
    local real = core.device.memory().peak - before + inputs + predicted.parameters
    assert.is_true(math.abs(real / predicted.peak - 1) < 0.02,
      ("%d, predicted %d"):format(real, predicted.peak))
  end)
end)
