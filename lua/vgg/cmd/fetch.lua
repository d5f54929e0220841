-- `vgglua fetch cifar10 | vgg16_bn | URL`: data and pretrained weights, downloaded and checked.
local cli = require "vgg.cli"
local hub = require "vgg.hub"
local util = require "vgg.util"

local spec = {
  "Downloads CIFAR-10 or pretrained weights and checks their sums; goes on where an earlier "
    .. "download stopped.\nWhat is already there, also in PyTorch's own cache, costs no request.",
  { "url", nil, "mirror: the file itself, or a directory that ends in /", alias = "data_url" },
  { "timeout", 20, "give up on a server that is silent for so long", type = "duration" },
  { "retries", 5, "times to try again", type = "int", min = 0 },
  "Data",
  { "data_root", "./data", "directory to put it in" },
  { "repair", false, "read every file and replace what is damaged" },
  "Weights",
  { "torch_cache_dir", "torch_cache", "directory that holds checkpoints/", env = "TORCH_HOME" },
  args = "cifar10 | WEIGHTS | URL",
}

-- Retries of the core: 0 stands for its default, less for none.
local function retries(opt) return opt.retries == 0 and -1 or opt.retries end

local function cifar10(opt)
  local done, words = require "vgg.data.fetch" {
    data_root = opt.data_root, url = opt.url, repair = opt.repair, timeout = opt.timeout,
    retries = retries(opt), progress = true,
  }
  if not done then util.fail("data", "%s", words) end
  print("cifar10: " .. words)
end

local function weights(what, opt)
  hub.use(opt)
  local path, fetched = hub.fetch(what, { url = opt.url, timeout = opt.timeout,
    retries = retries(opt), progress = true })
  print(("%s: %s %s"):format(what, fetched and "downloaded" or "already there:", path))
end

local function names()
  return "cifar10 " .. table.concat(util.keys(hub.known), " ")
end

return function(...)
  local opt = cli.parse(spec, { ... }, "vgglua fetch")
  local what = opt[1]
  if #opt ~= 1 then
    util.fail("usage", "vgglua fetch: want one name or URL%s. Names: %s",
      what and (", got '%s'"):format(table.concat(opt, " ")) or "", names())
  elseif what == "cifar10" then
    cifar10(opt)
  elseif hub.known[what] or what:find "^https?://" then
    weights(what, opt)
  else
    local all = util.keys(hub.known)
    all[#all + 1] = "cifar10"
    util.fail("usage", "vgglua fetch: nothing is called '%s'%s. Names: %s", what,
      util.hint(what, all), names())
  end
  return 0
end
