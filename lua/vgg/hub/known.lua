-- Weights by name. The letters behind the last dash of a file's name are the first of its sha256,
-- as PyTorch names its files.
local util = require "vgg.util"

local known = {}

-- name -> { url =, from =, hf = repository at Hugging Face that timm prefers }
known.list = {
  vgg16_bn = {
    url = "https://download.pytorch.org/models/vgg16_bn-6c64b313.pth",
    from = "torchvision, ImageNet-1k", normalize = "imagenet",
  },
  efficientnet_b0 = {
    url = "https://github.com/huggingface/pytorch-image-models/releases/download/v0.1-weights/"
      .. "efficientnet_b0_ra-3dd342df.pth",
    from = "timm efficientnet_b0.ra_in1k, ImageNet-1k", hf = "timm/efficientnet_b0.ra_in1k",
    normalize = "imagenet",
  },
  resnet18 = {
    url = "https://github.com/huggingface/pytorch-image-models/releases/download/v0.1-rsb-weights/"
      .. "resnet18_a1_0-d63eafa0.pth",
    from = "timm resnet18.a1_in1k, ImageNet-1k", hf = "timm/resnet18.a1_in1k",
    normalize = "imagenet",
  },
}

local function file_of(url) return util.basename((url:gsub("[?#].*", ""))) end

-- "vgg16_bn-6c64b313.pth" -> "6c64b313"; nil where the name carries no sum.
function known.sum_of(file)
  local sum = file:match "%-(%x+)%.[^-]*$"
  return sum and #sum >= 8 and sum:lower() or nil
end

-- A name or a URL -> { name =, url =, file =, sha256 =, ... }.
function known.find(what)
  local entry = known.list[what] or what:find "^https?://" and { url = what }
  if not entry then
    util.fail("usage", "weights: no weights '%s'%s. Known: %s, or a URL", what,
      util.hint(what, known.list), table.concat(util.keys(known.list), " "))
  end
  local file = entry.file or file_of(entry.url)
  if file == "" then util.fail("usage", "weights: '%s' names no file", what) end
  return { name = what, url = entry.url, from = entry.from, hf = entry.hf, file = file,
    normalize = entry.normalize, sha256 = entry.sha256 or known.sum_of(file) }
end

-- Where to download from: a mirror that ends in "/" is a directory that holds the file.
function known.mirror(entry, url)
  if not url then return entry.url end
  return url:sub(-1) == "/" and url .. entry.file or url
end

return known
