-- Trains VGG-16 with batch normalisation (or the course's CIFAR10Net) on CIFAR-10 and tests the
-- weights of the best epoch. Change a line and run again; --help lists every flag. To compare:
--   vgglua experiments/finetune.lua --run-name scratch
--   vgglua experiments/finetune.lua --run-name pretrained --pretrained --normalize imagenet
--   vgglua compare scratch pretrained
local vgg = require "vgg"
local train, models, optim = vgg.train, vgg.models, vgg.optim

local opt = train.flags {
  "Trains VGG-16-BN or CIFAR10Net on CIFAR-10, from scratch or from ImageNet weights, and tests "
    .. "the best epoch's weights.",
  "Model",
  { "model", "vgg16_bn", "network", choices = { "vgg16_bn", "cifar10net" } },
  { "head", "full", "classifier of vgg16_bn", choices = { "full", "small" } },
  { "batchnorm", true, "batch normalisation in cifar10net" },
  { "dropout", false, "dropout of 0.3" },
  { "lr", 1e-3, "learning rate of Adam", min = 0 },
  unpack(train.finetuning),
}

local function build()
  if opt.model == "cifar10net" then
    return models.cifar10net { batchnorm = opt.batchnorm, dropout = opt.dropout }
  end
  return models.vgg16_bn { head = opt.head, dropout = opt.dropout }
end

vgg.manual_seed(opt.seed)
local data = train.data(opt)
data:setup()
local model = train.pretrained(opt, build(), data)

local trainer = train.trainer(opt, data, {
  model = model,
  optimizer = optim.Adam(train.groups(opt, model)),
})
trainer:fit { train = data:train_dataloader(), valid = data:val_dataloader() }
trainer:report(trainer:test_both(data:test_dataloader()), opt.json)
