-- Progress of a download on stderr: one rewritten line on a terminal, else a line every 30 s. Gives
-- the function to call and one that ends the line, whatever came of the download.
local core = require "vgg.core"
local util = require "vgg.util"

return function(name)
  local tty, start, first = util.isatty(2), core.clock(), nil
  local last, open, told = tty and 0 or start, false, false
  local function report(done, total)
    local now = core.clock()
    first = first or done
    local whole = tty and total > 0 and done == total and not told
    if util.quiet() or not whole and now - last < (tty and 0.1 or 30) then return end
    last, open, told = now, tty, told or whole
    local speed = (done - first) / math.max(now - start, 1e-3)
    local text = ("%s: %s of %s  %s/s"):format(name or "CIFAR-10", util.bytes(done),
      total > 0 and util.bytes(total) or "?", util.bytes(speed))
    if total > done and speed > 0 then
      text = text .. "  ETA " .. util.duration((total - done) / speed)
    end
    io.stderr:write(tty and "\r" or "", text, tty and "\27[K" or "\n")
    io.stderr:flush()
  end
  return report, function()
    if open then io.stderr:write "\n" end
    open = false
  end
end
