-- Writes every gradient and running statistic of the stored training step, for compare_step.py:
--   vgglua tests/parity/dump_step.lua vgg16_bn step.safetensors
local vgg = require "vgg"
local hash = dofile "tests/nn/hash.lua"

local name, path = assert(arg[1], "which model?"), assert(arg[2], "which file?")
local file = assert(io.open("tests/parity/nn/step_" .. name .. ".json"))
local want = vgg.json.decode(file:read "*a")
file:close()
local options = name == "cifar10net" and { batchnorm = true } or {}
local model = vgg.models.build(name, options)
hash.set_weights(model, want.nudges)
local x, y = hash.batch(want.batch, 0)
local out = {}
out.logits = vgg.no_grad(function() return model:eval()(x) end)
local loss = model:train()(x):cross_entropy(y)
loss:backward()
out.loss = loss:detach()
for n, p in model:named_parameters() do out["gradient." .. n] = p.grad end
for n, b in model:named_buffers() do out["buffer." .. n] = b end
assert(vgg.checkpoint.save(path, { tensors = out, meta = { batch = want.batch } }))
print(("%s, batch %d: loss %.9g"):format(name, want.batch, loss:item()))
