-- Augmentation as a list of operations: transforms.RandomCrop { 32, 32 }, ... The named pipelines
-- are lists, too. Everything runs on 8-bit pixels in C; the last step makes floats (N, 3, H, W).
local core = require "vgg.core"
local normalization = require "vgg.data.normalization"
local util = require "vgg.util"

local transforms = {}

local Op = { __name = "vgg.data.Transform" }
Op.__index = Op
function Op:__tostring() return self.words end

local function op(words, spec)
  spec.words = words
  return setmetatable(spec, Op)
end

local function options(who, given, known)
  given = given or {}
  if type(given) ~= "table" then error(who .. ": want a table of options", 3) end
  util.check_options(who, given, known, 3)
  return given
end

local function size(who, o)
  local h, w = o[1], o[2] or o[1]
  if type(h) ~= "number" or type(w) ~= "number" then
    error(("%s: want { height, width }"):format(who), 3)
  end
  return { h, w }
end

-- A number v means { low = from - v, high = from + v }; a table is taken as it is.
local function range(v, from, default)
  v = v == nil and default or v
  if type(v) == "table" then return { v[1], v[2] } end
  return { math.max(from - v, from == 0 and -math.huge or 0), from + v }
end

local function percent(p) return p < 1 and (" p=%g"):format(p) or "" end

-- Centred; border "constant" (0, as albumentations 2) or "reflect101" (as albumentations to 1.4).
function transforms.PadIfNeeded(o)
  o = options("PadIfNeeded", o, { border = true, fill = true })
  local s = size("PadIfNeeded", o)
  return op(("pad to %dx%d (%s)"):format(s[1], s[2], o.border or "constant"),
    { kind = "pad", size = s, border = o.border, fill = o.fill })
end

function transforms.RandomCrop(o)
  local s = size("RandomCrop", options("RandomCrop", o, {}))
  return op(("random crop %dx%d"):format(s[1], s[2]), { kind = "crop", size = s })
end

function transforms.HorizontalFlip(o)
  local p = options("HorizontalFlip", o, { p = true }).p or 0.5
  return op("horizontal flip" .. percent(p), { kind = "hflip", p = p })
end

function transforms.VerticalFlip(o)
  local p = options("VerticalFlip", o, { p = true }).p or 0.5
  return op("vertical flip" .. percent(p), { kind = "vflip", p = p })
end

-- Factors around 1 and hue shifts around 0 (in full turns), in a fresh random order for each image.
-- style "albumentations" (OpenCV arithmetic) or "torchvision" (Pillow arithmetic).
function transforms.ColorJitter(o)
  o = options("ColorJitter", o,
    { brightness = true, contrast = true, saturation = true, hue = true, p = true, style = true })
  local p, style = o.p or 0.5, o.style or "albumentations"
  if style ~= "albumentations" and style ~= "torchvision" then
    error("ColorJitter: style is 'albumentations' or 'torchvision'", 2)
  end
  local b, c = range(o.brightness, 1, 0.2), range(o.contrast, 1, 0.2)
  local s, h = range(o.saturation, 1, 0.2), range(o.hue, 0, 0.1)
  return op(("colour jitter %g..%g, hue %g..%g%s"):format(b[1], b[2], h[1], h[2], percent(p)),
    { kind = style == "torchvision" and "pil_jitter" or "jitter", p = p, range = { b, c, s, h } })
end

-- Degrees, counter-clockwise; nearest neighbour, corners become 0.
function transforms.Rotate(o)
  o = options("Rotate", o, { p = true })
  local r = range(o[1], 0, 10)
  return op(("rotation %g..%g degrees"):format(r[1], r[2]),
    { kind = "rotate", p = o.p or 1, range = { r } })
end

function transforms.RandomResizedCrop(o)
  o = options("RandomResizedCrop", o, { scale = true, ratio = true })
  local scale, ratio = o.scale or { 0.08, 1 }, o.ratio or { 3 / 4, 4 / 3 }
  return op(("random resized crop, area %g..%g"):format(scale[1], scale[2]),
    { kind = "resized_crop", size = size("RandomResizedCrop", o), range = { scale, ratio } })
end

-- Holes of whole-number sizes, ends included, wholly inside the image.
function transforms.CoarseDropout(o)
  o = options("CoarseDropout", o,
    { holes = true, height = true, width = true, fill = true, p = true })
  local n, h, w = o.holes or { 1, 1 }, o.height or { 4, 8 }, o.width or { 4, 8 }
  local p = o.p or 0.5
  return op(("coarse dropout %d..%d px%s"):format(h[1], h[2], percent(p)),
    { kind = "coarse_dropout", p = p, fill = o.fill, range = { n, h, w } })
end

function transforms.Resize(o)
  local s = size("Resize", options("Resize", o, {}))
  return op(("resize %dx%d"):format(s[1], s[2]), { kind = "resize", size = s })
end

local function pair(v, otherwise)
  v = v or otherwise
  return type(v) == "number" and { v, v, v } or v
end

-- The last element of a pipeline: mean and std of each channel, for values scaled to 0..1.
function transforms.Normalize(o)
  o = options("Normalize", o, { mean = true, std = true, style = true })
  return op("normalise", {
    kind = "normalize", style = o.style or "albumentations",
    mean = pair(o.mean, transforms.cifar10_mean), std = pair(o.std, transforms.cifar10_std),
  })
end

transforms.cifar10_mean = normalization.cifar.mean
transforms.cifar10_std = normalization.cifar.std

local function cifar_normalize() return transforms.Normalize {} end
local function half_normalize()
  return transforms.Normalize { mean = 0.5, std = 0.5, style = "torchvision" }
end

-- Pipelines by name: what training images go through, and the normalisation everything ends with.
transforms.named = {
  none = { train = function() return { cifar_normalize() } end, eval = cifar_normalize },
  dlcv = {
    train = function()
      return {
        transforms.PadIfNeeded { 36, 36 }, transforms.RandomCrop { 32, 32 },
        transforms.HorizontalFlip { p = 0.5 },
        transforms.ColorJitter { brightness = 0.2, contrast = 0.2, saturation = 0.2, hue = 0.1,
          p = 0.5 },
        transforms.CoarseDropout { holes = { 1, 1 }, height = { 4, 8 }, width = { 4, 8 }, p = 0.3 },
        cifar_normalize(),
      }
    end,
    eval = cifar_normalize,
  },
  course = {
    train = function()
      return {
        transforms.HorizontalFlip {}, transforms.VerticalFlip {}, transforms.Rotate { 10 },
        transforms.RandomResizedCrop { 32, 32, scale = { 0.8, 1 }, ratio = { 0.8, 1.2 } },
        transforms.ColorJitter { brightness = 0.2, contrast = 0.2, saturation = 0.2, hue = 0.2,
          p = 1, style = "torchvision" },
        half_normalize(),
      }
    end,
    eval = half_normalize,
  },
}

local Pipeline = { __name = "vgg.data.Pipeline" }
Pipeline.__index = Pipeline

function Pipeline:__tostring()
  if #self.ops == 0 then return "none" end
  local words = {}
  for i, o in ipairs(self.ops) do words[i] = o.words end
  return table.concat(words, ", ")
end

-- What the pipeline does to an image: a list of drawn parameters, one entry an operation.
function Pipeline:draws(o)
  return self.core:draws(o.seed or 42, o.epoch or 0, o.record or 1)
end

local function assemble(list, height, width)
  local ops, last = {}, nil
  for i, o in ipairs(list) do
    if getmetatable(o) ~= Op then error("pipeline: element " .. i .. " is not a transform", 3) end
    if o.kind == "normalize" then
      if i ~= #list then error("pipeline: Normalize comes last", 3) end
      last = o
    else
      ops[#ops + 1] = o
    end
  end
  last = last or cifar_normalize()
  local spec = { mean = last.mean, std = last.std, style = last.style, height = height,
    width = width }
  for i, o in ipairs(ops) do spec[i] = o end
  return setmetatable({ ops = ops, normalize = last, core = core.data.pipeline(spec) }, Pipeline)
end

-- A pipeline from a name ("dlcv", "course", "none"), a list of transforms, or a pipeline.
function transforms.pipeline(what, height, width)
  if getmetatable(what) == Pipeline then return what end
  if type(what) == "string" then
    local named = transforms.named[what]
    if not named then
      util.fail("usage", "--augment: no pipeline '%s'%s. Known: %s", what,
        util.hint(what, transforms.named), table.concat(util.keys(transforms.named), ", "))
    end
    what = named.train()
  end
  if type(what) ~= "table" then error("pipeline: want a name or a list of transforms", 2) end
  return assemble(what, height or 32, width or 32)
end

-- The pipeline without its random part: what validation and test images go through.
function transforms.eval(what, height, width)
  return assemble({ transforms.pipeline(what, height, width).normalize }, height or 32, width or 32)
end

-- The pipeline with another normalisation at its end: a name ("cifar", "imagenet", "half") or
-- { mean =, std = }. nil leaves it as it is.
function transforms.renormalized(what, values)
  local pipeline = transforms.pipeline(what)
  if not values then return pipeline end
  local n = normalization.find(values)
  local ops = { unpack(pipeline.ops) }
  ops[#ops + 1] = transforms.Normalize { mean = n.mean, std = n.std,
    style = normalization.name_of(n) == "cifar" and "albumentations" or "torchvision" }
  return assemble(ops, 32, 32)
end

return transforms
