-- Which data a run uses: what lies in the data root, else a download, else the generated set, never
-- silently. resolve { data = "auto", root =, ... } -> { kind, root, place, words, why }.
local core = require "vgg.core"
local util = require "vgg.util"

local known = { data = true, root = true, url = true, max_wait = true, progress = true }
local default_root = "./data"

local function cifar(root, place)
  return { kind = "cifar10", root = root, place = place,
    words = ("CIFAR-10 from %s (%s)"):format(place.path, place.form) }
end

local function synthetic(why)
  local words = "SYNTHETIC ten-class shapes, not CIFAR-10"
  return { kind = "synthetic", why = why, words = why and words .. ": " .. why or words }
end

local function fetch(root, o, max_wait)
  return require("vgg.data.fetch") { data_root = root, url = o.url, max_wait = max_wait,
    progress = o.progress }
end

-- data: "cifar10", "synthetic" or "auto". A root other than ./data is the user's word: if there is
-- nothing in it that is an error, not a reason to download. max_wait: seconds an automatic download
-- may take at the speed it shows, else the generated set is used (600).
return function(o)
  o = o or {}
  util.check_options("resolve", o, known)
  local data, root = o.data or "auto", o.root or os.getenv "VGG_DATA" or default_root
  if data == "synthetic" then return synthetic() end
  if data ~= "auto" and data ~= "cifar10" then
    util.fail("usage", "--data: want auto, cifar10 or synthetic, got '%s'", tostring(data))
  end
  local place, why = core.data.find_cifar10(root)
  if place then return cifar(root, place) end
  if root ~= default_root and not o.url then util.fail("data", "%s", why) end
  local ok, reason = fetch(root, o, data == "auto" and (o.max_wait or 600) or nil)
  if ok then
    place = core.data.find_cifar10(root)
    return cifar(root, place)
  end
  if data == "cifar10" then util.fail("data", "%s", reason) end
  return synthetic(("no CIFAR-10 in '%s', and it could not be downloaded (%s)"):format(root,
    (reason:gsub("^data: ", ""):gsub("\n.*", ""))))
end
