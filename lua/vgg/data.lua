-- Data sets, augmentation, loaders. Parts are loaded when first used.
local data = {}

local from = {
  cifar10 = "cifar10", synthetic = "cifar10", transforms = "transforms", Loader = "loader",
  Dataset = "dataset", resolve = "resolve", fetch = "fetch", CIFAR10DataModule = "datamodule",
  normalization = "normalization",
}

return setmetatable(data, {
  __names = from,
  __index = function(self, name)
    local file = from[name]
    if not file then return nil end
    local part = require("vgg.data." .. file)
    local value = part
    if name == "cifar10" or name == "synthetic" then
      value = part[name]
    elseif name == "Loader" or name == "Dataset" then
      value = part.new
    end
    rawset(self, name, value)
    return value
  end,
})
