-- VGG-16 with batch normalisation for 32x32 images: torchvision's features, no average pooling, and
-- the classifier 512-4096-4096-classes (head = "full") or one linear layer (head = "small"). With
-- head = "imagenet" it is torchvision's whole network for images of 224x224: pooling to 7x7 and the
-- classifier 25088-4096-4096-classes with dropout of 0.5.
local nn = require "vgg.nn"
local vgg = require "vgg.models.vgg"

local plan = {
  64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M",
}

local VGG16BN = nn.class "VGG16BN"

function VGG16BN:init(options)
  local classes = vgg.num_classes(options.num_classes, "vgg16_bn")
  local dropout = vgg.dropout(options.dropout, "vgg16_bn")
  self.features = vgg.features(plan, { batchnorm = true, dropout = 0 })
  self.avgpool = nn.Identity {}
  if options.head == "full" then
    self.classifier = vgg.classifier({ 512, 4096, 4096, classes }, dropout)
  elseif options.head == "small" then
    self.classifier = vgg.classifier({ 512, classes }, dropout)
  elseif options.head == "imagenet" then
    self.avgpool = nn.AdaptiveAvgPool2d { 7 }
    self.classifier = vgg.classifier({ 512 * 7 * 7, 4096, 4096, classes },
      options.dropout and dropout or 0.5)
  else
    error(("vgg16_bn: head is 'full', 'small' or 'imagenet', got '%s'"):format(
      tostring(options.head)), 0)
  end
end

-- torchvision's initialisation of the body; the classifier keeps PyTorch's default, as it does when
-- it is replaced after construction.
local function initialise(model)
  for _, layer in model.features:named_children() do
    if layer.__name == "Conv2d" then
      nn.init.kaiming_normal_(layer.weight, { mode = "fan_out", nonlinearity = "relu" })
      nn.init.constant_(layer.bias, 0)
    end
  end
end

function VGG16BN:forward(x)
  return self.classifier(self.avgpool(self.features(x)):flatten(2))
end

return {
  options = { num_classes = 10, head = "full", dropout = false },
  build = function(options)
    local model = VGG16BN(options)
    initialise(model)
    return model
  end,
}
