-- `vgglua fetch cifar10`: download, check and unpack the data set.
local cli = require "vgg.cli"
local core = require "vgg.core"
local util = require "vgg.util"

local spec = {
  "Downloads CIFAR-10, checks its md5 and unpacks it. A copy that is already there costs nothing.",
  { "data_root", "./data", "directory to put it in" },
  { "data_url", "", "archive, or directory that holds cifar-10-binary.tar.gz; default: its home" },
  { "repair", false, "read every file and replace what is damaged" },
  args = "cifar10",
}

-- One line on a terminal, rewritten; otherwise a line every 30 s.
local function progress()
  local tty, start, first = util.isatty(2), core.clock(), nil
  local last = tty and 0 or start
  return function(done, total)
    local now = core.clock()
    first = first or done
    if util.quiet() or now - last < (tty and 0.1 or 30) then return end
    last = now
    local speed = (done - first) / math.max(now - start, 1e-3)
    local text = ("%s of %s  %s/s"):format(util.bytes(done),
      total > 0 and util.bytes(total) or "?", util.bytes(speed))
    if total > 0 and speed > 0 then
      text = text .. "  ETA " .. util.duration((total - done) / speed)
    end
    io.stderr:write(tty and "\r" or "", text, tty and "\27[K" or "\n")
    if tty and done == total then io.stderr:write "\n" end
    io.stderr:flush()
  end
end

return function(...)
  local opt = cli.parse(spec, { ... }, "vgglua fetch")
  if #opt ~= 1 or opt[1] ~= "cifar10" then
    util.fail("usage", "vgglua fetch: want the data set's name: vgglua fetch cifar10%s",
      opt[1] and (", got '%s'"):format(table.concat(opt, " ")) or "")
  end
  local done, words = require "vgg.data.fetch" {
    data_root = opt.data_root, url = opt.data_url ~= "" and opt.data_url or nil,
    repair = opt.repair, progress = progress(),
  }
  if not done then util.fail("data", "%s", words) end
  print("cifar10: " .. words)
  return 0
end
