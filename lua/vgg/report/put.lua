-- put(path, text, what): writes a file of a command's results; "-" is standard output.
local core = require "vgg.core"
local util = require "vgg.util"

return function(path, text, what)
  if path == "-" then
    io.stdout:write(text)
    return
  end
  local ok, why = core.fs.write(path, text, what)
  if not ok then util.fail("data", "%s", why) end
end
