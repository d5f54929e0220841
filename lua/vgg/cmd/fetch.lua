-- `vgglua fetch cifar10`: download, check and unpack the data set.
local cli = require "vgg.cli"
local util = require "vgg.util"

local spec = {
  "Downloads CIFAR-10, checks its md5 and unpacks it. A copy that is already there costs nothing.",
  { "data_root", "./data", "directory to put it in" },
  { "data_url", "", "archive, or directory that holds cifar-10-binary.tar.gz; default: its home" },
  { "repair", false, "read every file and replace what is damaged" },
  args = "cifar10",
}

return function(...)
  local opt = cli.parse(spec, { ... }, "vgglua fetch")
  if #opt ~= 1 or opt[1] ~= "cifar10" then
    util.fail("usage", "vgglua fetch: want the data set's name: vgglua fetch cifar10%s",
      opt[1] and (", got '%s'"):format(table.concat(opt, " ")) or "")
  end
  local done, words = require "vgg.data.fetch" {
    data_root = opt.data_root, url = opt.data_url ~= "" and opt.data_url or nil,
    repair = opt.repair, progress = true,
  }
  if not done then util.fail("data", "%s", words) end
  print("cifar10: " .. words)
  return 0
end
