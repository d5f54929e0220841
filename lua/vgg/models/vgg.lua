-- What the VGG models share: the convolutional body from a plan, and the classifier.
local nn = require "vgg.nn"

local vgg = {}

-- plan: output channels of 3x3 convolutions, "M" for a 2x2 max pooling.
function vgg.features(plan, options)
  local body, channels = nn.Sequential {}, 3
  for _, entry in ipairs(plan) do
    if entry == "M" then
      body:add(nn.MaxPool2d { 2 })
      if options.dropout > 0 then body:add(nn.Dropout { options.dropout }) end
    else
      body:add(nn.Conv2d { channels, entry, kernel = 3, pad = 1 })
      if options.batchnorm then body:add(nn.BatchNorm2d { entry }) end
      body:add(nn.ReLU {})
      channels = entry
    end
  end
  return body
end

-- Linear layers of these widths with ReLU, and dropout if any, in between.
function vgg.classifier(widths, dropout)
  local head = nn.Sequential {}
  for i = 1, #widths - 1 do
    head:add(nn.Linear { widths[i], widths[i + 1] })
    if i < #widths - 1 then
      head:add(nn.ReLU {})
      if dropout > 0 then head:add(nn.Dropout { dropout }) end
    end
  end
  return head
end

-- true stands for the usual 0.3, false for none.
function vgg.dropout(value, name)
  if value == true then return 0.3 end
  if value == false then return 0 end
  if type(value) ~= "number" or value < 0 or value >= 1 then
    error(("%s: dropout is true, false or a probability below 1, got %s"):format(name,
      tostring(value)), 0)
  end
  return value
end

function vgg.num_classes(value, name)
  if type(value) ~= "number" or value < 1 or value % 1 ~= 0 then
    error(("%s: num_classes is a whole number from 1, got %s"):format(name, tostring(value)), 0)
  end
  return value
end

return vgg
