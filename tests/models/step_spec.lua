-- One training step and ten Adam steps of the whole models against PyTorch, from equal weights and
-- images (tests/parity/make_step.py): loss, logits, every gradient, every running statistic.
local vgg = require "vgg"
local json = require "vgg.json"
local models, optim = vgg.models, vgg.optim
local util = require "vgg.util"
local hash = dofile "tests/nn/hash.lua"

local function stored(name)
  local file = assert(io.open("tests/parity/nn/step_" .. name .. ".json"))
  local text = file:read "*a"
  file:close()
  return json.decode(text)
end

local function free(model)
  for _, p in pairs((model:state_dict())) do p:free() end
  collectgarbage()
end

local function near(want, got, tolerance, what)
  assert.is_true(math.abs(got - want) <= tolerance * math.abs(want),
    ("%s is %.9g, want %.9g"):format(what, got, want))
end

-- Largest difference against the largest stored value.
local function logits_near(want, logits, what)
  local got, worst, size = logits:flatten():totable(), 0, 0
  assert.equal(#want, #got)
  for i, w in ipairs(want) do
    worst, size = math.max(worst, math.abs(got[i] - w)), math.max(size, math.abs(w))
  end
  assert.is_true(worst <= 1e-4 * size, ("%s are off by %.2g"):format(what, worst / size))
end

-- A bias in front of a batch norm has a gradient of zero, so what it holds is rounding: it is
-- measured against the gradient of the weight of the same layer.
local function floor_of(name, want)
  local module, kind = name:match "^(.*)%.(%w+)$"
  local weight = kind == "bias" and want.gradients[module .. ".weight"]
  return weight and want.gradients[name].max < 1e-4 * weight.max and weight.max or 0
end

local function check_step(model, want)
  local k = 0
  for name, p in model:named_parameters() do
    local wrong = hash.differs(p.grad, k, want.gradients[name], 1e-4, floor_of(name, want))
    assert.equal("", wrong, name)
    k = k + 1
  end
  k = 0
  for name, b in model:named_buffers() do
    local digest = want.statistics[name]
    if digest then
      assert.equal("", hash.differs(b, 500 + k, digest, 1e-5), name)
    else
      assert.equal(want.batches_tracked, b:item())
    end
    k = k + 1
  end
end

-- Instrumented arithmetic is some fifty times slower: two steps visit the same code.
local steps = os.getenv "VGGLUA_SANITIZE" and 2 or 10

for name, options in pairs { vgg16_bn = {}, cifar10net = { batchnorm = true } } do
  describe("training " .. name, function()
    it("goes the way of PyTorch: one step in every gradient, ten in the loss", function()
      if not util.hosted() then return pending "the same core in the host has run it" end
      local want = stored(name)
      local model = models.build(name, options)
      hash.set_weights(model, want.nudges)
      local optimizer = optim.Adam { model:parameters(), lr = want.adam_lr }
      local x, y = hash.batch(want.batch, 0)
      vgg.no_grad(function() logits_near(want.logits, model:eval()(x), "logits") end)
      model:train()
      for i = 1, steps do
        local loss = vgg.scope(function()
          optimizer:zero_grad()
          local l = model(x):cross_entropy(y)
          l:backward()
          return l:item()
        end)
        near(want.adam_losses[i], loss, 1e-3, "loss " .. i)
        if i == 1 then
          near(want.loss, loss, 1e-5, "loss")
          check_step(model, want)
          vgg.no_grad(function()
            logits_near(want.logits_after, model:eval()(x), "logits with the new statistics")
          end)
          model:train()
        end
        optimizer:step()
      end
      free(model)
    end)
  end)
end
