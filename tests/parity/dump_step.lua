-- Writes every gradient and running statistic of one training step, for compare_step.py:
--   vgglua tests/parity/dump_step.lua vgg16_bn step.safetensors [seed] [batch]
local vgg = require "vgg"
local hash = dofile "tests/nn/hash.lua"

local name, path = assert(arg[1], "which model?"), assert(arg[2], "which file?")
local seed, batch = tonumber(arg[3] or 0), tonumber(arg[4] or 8)
local options = name == "cifar10net" and { batchnorm = true } or {}
local model = vgg.models.build(name, options)
hash.set_weights(model)
local x = hash.images({ batch, 3, 32, 32 }, 1000 + 10 * seed)
local y = hash.labels(batch, 1001 + 10 * seed, 10)
local out = {}
out.logits = vgg.no_grad(function() return model:eval()(x) end)
local loss = model:train()(x):cross_entropy(y)
loss:backward()
out.loss = loss:detach()
for n, p in model:named_parameters() do out["gradient." .. n] = p.grad end
for n, b in model:named_buffers() do out["buffer." .. n] = b end
assert(vgg.checkpoint.save(path, { tensors = out, meta = { seed = seed, batch = batch } }))
print(("%s, seed %d, batch %d: loss %.9g"):format(name, seed, batch, loss:item()))
