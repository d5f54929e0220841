-- CIFAR10Net: the VGG-16 variant for 32x32 images with four poolings (the last two blocks merged)
-- and the classifier 2048-4096-4096-classes. PyTorch's default initialisation throughout.
local nn = require "vgg.nn"
local vgg = require "vgg.models.vgg"

local plan = {
  64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, 512, 512, 512, "M",
}

local CIFAR10Net = nn.class "CIFAR10Net"

function CIFAR10Net:init(options)
  local classes = vgg.num_classes(options.num_classes, "cifar10net")
  local dropout = vgg.dropout(options.dropout, "cifar10net")
  self.features = vgg.features(plan, { batchnorm = options.batchnorm, dropout = dropout })
  self.classifier = vgg.classifier({ 512 * 2 * 2, 4096, 4096, classes }, dropout)
end

function CIFAR10Net:forward(x) return self.classifier(self.features(x):flatten(2)) end

return {
  options = { num_classes = 10, batchnorm = false, dropout = false },
  build = CIFAR10Net,
}
