-- Progress of a download on stderr: one rewritten line on a terminal, else a line every 30 s.
local core = require "vgg.core"
local util = require "vgg.util"

return function(name)
  local tty, start, first = util.isatty(2), core.clock(), nil
  local last = tty and 0 or start
  return function(done, total)
    local now = core.clock()
    first = first or done
    if util.quiet() or now - last < (tty and 0.1 or 30) then return end
    last = now
    local speed = (done - first) / math.max(now - start, 1e-3)
    local text = ("%s: %s of %s  %s/s"):format(name or "CIFAR-10", util.bytes(done),
      total > 0 and util.bytes(total) or "?", util.bytes(speed))
    if total > 0 and speed > 0 then
      text = text .. "  ETA " .. util.duration((total - done) / speed)
    end
    io.stderr:write(tty and "\r" or "", text, tty and "\27[K" or "\n")
    if tty and done == total then io.stderr:write "\n" end
    io.stderr:flush()
  end
end
