-- A small training (dropout, clipping, accumulation, a shorter last batch) and a small attack on a
-- device: small.lua DEVICE PRECISION adam|sgd. Prints what they came to, to the bit.
local vgg = require "vgg"
local core = require "vgg.core"
local nn, optim, train = vgg.nn, vgg.optim, vgg.train
local device, precision, kind = arg[1], arg[2], arg[3]

core.manual_seed(5)
local images, labels, batches = {}, {}, 5
local function size(k) return k == batches and 3 or 4 end
for k = 1, batches do
  images[k] = core.empty({ size(k), 3, 8, 8 }, "float32", "cpu"):normal_(0, 1)
  labels[k] = core.empty({ size(k) }, "float32", "cpu"):uniform_(0, 3.999):floor():to "int64"
end
local loader = {
  get = function(_, k) return images[k]:clone(), labels[k]:clone() end,
  len = function() return batches end,
  size_of = function(_, k) return size(k) end,
}
local model = nn.Sequential {
  nn.Conv2d { 3, 8, kernel = 3, pad = 1 }, nn.BatchNorm2d { 8 }, nn.ReLU {}, nn.MaxPool2d { 2 },
  nn.Conv2d { 8, 16, kernel = 3, pad = 1 }, nn.BatchNorm2d { 16 }, nn.ReLU {}, nn.MaxPool2d { 2 },
  nn.Flatten {}, nn.Dropout { 0.3 }, nn.Linear { 64, 4 },
}
local optimizer = kind == "adam" and optim.Adam { model, lr = 1e-2 }
  or optim.SGD { model, lr = 0.05, momentum = 0.9 }
local steps, recorded = {}, false
local trainer = train.Trainer {
  device = device, precision = precision, emulate_bf16 = true, model = model, classes = 4,
  optimizer = optimizer, max_epochs = 4, save = false, header = false, pictures = false, seed = 7,
  progress = false, num_sanity_val_steps = 0, gradient_clip_val = 1.5, accumulate_grad_batches = 2,
  callbacks = { { on_train_step_end = function(_, t, r)
    if #steps % 2 == 0 then steps[#steps + 1] = ("%.9g %.5g"):format(r.loss, r.grad_norm) end
    if #steps % 2 == 1 then steps[#steps + 1] = "-" end -- every other one is not waited for
    recorded = recorded or t.recordings and next(t.recordings) ~= nil
    if #steps == 8 then optimizer:load_state_dict(optimizer:state_dict()) end -- lies elsewhere now
  end } },
}
trainer:fit { train = loader }
local sum = 0
for _, p in ipairs(model:parameters()) do
  sum = sum + core.scope(function() return p:detach():abs():sum():item() end)
end
print(table.concat(steps, "\n"))
print(("weights %.9g accuracy %.9g"):format(sum, trainer.last_row["train/acc"]))

local attack = require("vgg.attacks").targeted_adam { lr = 5e-3, max_iter = 12,
  prob_threshold = 0.9 }
local x = core.empty({ 4, 3, 8, 8 }, "float32", "cpu"):uniform_(0, 1):to(device)
local result = attack(model, x, { 1, 2, 3, 0 })
for i = 1, 4 do
  print(("attack %d %.9g %.9g"):format(result.iterations[i], result.prob[i], result.l2[i]))
end
io.stderr:write("recorded ", tostring(recorded), "\n")
