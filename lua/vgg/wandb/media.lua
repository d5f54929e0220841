-- Images and histograms as values of a row. An image's file is written beside the log and told to
-- W&B before the row that shows it.
local digest = require "vgg.wandb.digest"
local Image = require "vgg.log.image"
local json = require "vgg.json"
local util = require "vgg.util"

local media = {}

-- Image(tensor CxHxW or HxW, floats in 0..1 or uint8), Image "file.png", Image { png = bytes },
-- Image(figure); options: caption, scale.
function media.Image(source, options)
  if type(source) == "string" then
    local f = io.open(source, "rb") or util.fail("data", "wandb: no image '%s'", source)
    source = { png = f:read "*a" }
    f:close()
  end
  return Image.new(source, options)
end

media.is_image = Image.is

-- A key as the beginning of a file's name.
function media.stem(key)
  local parts = {}
  for part in key:gsub("^/+", ""):gmatch "[^/]+" do
    if part:match "^%.+$" then part = part:gsub("%.", "_") end
    parts[#parts + 1] = part:gsub("[%[%]*?%c\\:]", "_")
  end
  return table.concat(parts, "/")
end

-- Writes files/media/KIND/KEY_STEP_ID.EXT; returns its path below files/ and its sum.
function media.save(run, kind, key, bytes, ext)
  local sha = digest.sha256(bytes)
  local path = ("media/%s/%s_%d_%s.%s"):format(kind, media.stem(key), run.step, sha:sub(1, 20), ext)
  run:save_file(path, bytes)
  return path, sha
end

-- The value of an image.
function media.image_value(run, key, image)
  local bytes = image:png()
  local path, sha = media.save(run, "images", key, bytes, "png")
  local width, height = image:size()
  return { _type = "image-file", sha256 = sha, size = #bytes, path = path, format = "png",
    width = width, height = height, caption = image.caption }
end

-- The value of a list of images: at most 108 of them.
function media.images_value(run, key, list)
  local out, first, captions = {}, nil, {}
  for i = 1, math.min(#list, 108) do
    local v = media.image_value(run, key, list[i])
    first = first or v
    out[i] = v.path
    captions[i] = v.caption or json.null
  end
  if #list > 108 then run:warn("%s: 108 of %d images are kept", key, #list) end
  return { _type = "images/separated", width = first.width, height = first.height, format = "png",
    count = #out, filenames = out, captions = first.caption and captions or nil }
end

local Histogram = { __name = "vgg.wandb.Histogram" }
Histogram.__index = Histogram
media.Histogram = Histogram

local function flat(values)
  if type(values) ~= "userdata" then return values end
  local out = {}
  local function add(v)
    if type(v) ~= "table" then out[#out + 1] = v return end
    for _, x in ipairs(v) do add(x) end
  end
  add(values:totable())
  return out
end

local function count(values, bins)
  local low, high = math.huge, -math.huge
  for _, v in ipairs(values) do
    if v == v and math.abs(v) < math.huge then low, high = math.min(low, v), math.max(high, v) end
  end
  if low > high then low, high = 0, 1 end
  if low == high then low, high = low - 0.5, high + 0.5 end
  local counts, edges = {}, {}
  for i = 1, bins do counts[i] = 0 end
  for i = 0, bins do edges[i + 1] = low + (high - low) * i / bins end
  for _, v in ipairs(values) do
    if v >= low and v <= high then
      local i = math.min(bins, math.floor((v - low) / (high - low) * bins) + 1)
      counts[i] = counts[i] + 1
    end
  end
  return counts, edges
end

-- Histogram(values or tensor, { bins = 64 }) or Histogram { counts = {n}, edges = {n + 1} }
function Histogram.new(values, options)
  if type(values) == "table" and values.counts then
    if #values.edges ~= #values.counts + 1 then
      error(("wandb.Histogram: %d counts want %d edges, got %d"):format(#values.counts,
        #values.counts + 1, #values.edges), 2)
    end
    return setmetatable({ counts = values.counts, edges = values.edges }, Histogram)
  end
  options = options or {}
  util.check_options("wandb.Histogram", options, { bins = 1 }, 2)
  local counts, edges = count(flat(values), math.min(options.bins or 64, 512))
  return setmetatable({ counts = counts, edges = edges }, Histogram)
end

function Histogram:value()
  return { _type = "histogram", values = self.counts, bins = self.edges }
end

return media
