-- Which images of a data set excite a channel most.
local core = require "vgg.core"
local util = require "vgg.util"

local Top = { __name = "vgg.TopImages" }
Top.__index = Top

local known = { count = true, batches = true, by = true }

-- Keeps the `count` best of { value, index, image, label }.
local function insert(list, entry, count)
  local at = #list + 1
  while at > 1 and list[at - 1].value < entry.value do at = at - 1 end
  if at > count then return end
  table.insert(list, at, entry)
  local out = list[count + 1]
  list[count + 1] = nil
  entry.image = entry.image():clone():keep()
  if out then out.image:free() end
end

local function score(y, channel, by)
  local part = y:narrow(2, channel, 1):reshape({ y.shape[1], y.numel / y.shape[1] / y.shape[2] })
  return (by == "mean" and part:mean(2) or part:amax(2)):totable()
end

-- fn(x, y, number, loader) on every batch.
local function each_batch(source, batches, fn)
  local loader = source
  if not (type(source.get) == "function" and source.len) then
    loader = require("vgg.data").Loader { dataset = source, batch_size = 128 }
  end
  for k = 1, math.min(batches, loader:len()) do
    core.scope(function()
      local x, y = loader:get(k, 0)
      fn(x, y, k, loader)
    end)
  end
end

local Collector = {}

-- top_images(model, "features.7", channel, data set or loader, { count = 9, by = "max", batches =
-- all }): the images with the largest activation of the channel (from 1; its largest value, or by =
-- "mean"). The result has fields of { value, index, image, label }, prints itself, and gives a
-- picture: result:figure():save "top.png", result:show().
function Collector.top_images(model, path, channel, source, options)
  local o = options or {}
  util.check_options("top_images", o, known, 2)
  local layer, list, seen, act = model:get(path), {}, 0, nil
  local modes = {}
  for _, module in model:named_modules() do modes[module] = module.training end
  local handle = layer:register_forward_hook(function(_, _, y) act = y end)
  model:eval()
  local function look(x, y, k, loader)
    model(x)
    if channel < 1 or channel > act.shape[2] then
      error(("top_images: %s has channels 1 to %d, not %d"):format(path, act.shape[2], channel), 0)
    end
    local label = y:totable()
    for i, value in ipairs(score(act, channel, o.by)) do
      local position = loader.position and loader:position(0, k, i) or seen + i
      insert(list, { value = value, index = position, label = label[i],
        image = function() return x[i] end }, o.count or 9)
    end
    seen = seen + x.shape[1]
  end
  local ok, why = pcall(core.no_grad, each_batch, source, o.batches or math.huge, look)
  handle.remove()
  for module, mode in pairs(modes) do module:set_training(mode) end
  if not ok then error(why, 0) end
  list.path, list.channel, list.seen = path, channel, seen
  return setmetatable(list, Top)
end

function Top:__tostring()
  local names, lines = require("vgg.labels").names(), {}
  lines[1] = ("%s channel %d, the strongest of %s images"):format(self.path, self.channel,
    util.count(self.seen))
  for i, e in ipairs(self) do
    lines[i + 1] = ("%3d  %9.4g  image %-6d %s"):format(i, e.value, e.index,
      names[e.label + 1] or e.label)
  end
  return table.concat(lines, "\n")
end

-- The images side by side, as a Figure.
function Top:figure(options)
  local names, images, captions = require("vgg.labels").names(), {}, {}
  for i, e in ipairs(self) do
    local low, high = e.image:amin():item(), e.image:amax():item()
    images[i] = (e.image - low) / (high > low and high - low or 1)
    captions[i] = ("%.3g\n%s"):format(e.value, names[e.label + 1] or e.label)
  end
  local o = { images = images, captions = captions, columns = math.min(9, #images),
    title = ("%s, channel %d"):format(self.path, self.channel) }
  for k, v in pairs(options or {}) do o[k] = v end
  return require("vgg.plot").image_grid(o)
end

-- The images in the terminal.
function Top:show()
  local show = require "vgg.show"
  for _, e in ipairs(self) do show(e.image) end
end

return Collector
