-- The loopback server of tests/c/test_io_download.c, for specs.
local core = require "vgg.core"

local http = {}

-- The server's program lies beside the interpreter or the module that is being tested.
local function program()
  local dirs = { (os.getenv("VGGLUA") or "build/"):match("^(.*)/") }
  for dir in package.cpath:gmatch("([^;]*)/%?%.so") do dirs[#dirs + 1] = dir end
  for _, dir in ipairs(dirs) do
    if core.fs.exists(dir .. "/test_io_download") then return dir .. "/test_io_download" end
  end
end

-- Starts it: the URL that ends in "/", and a function that ends it; nil where it is not built.
function http.start()
  local server = program() and io.popen(program() .. " --serve")
  if not server then return nil end
  local url = ("http://127.0.0.1:%d/"):format(server:read("*n"))
  return url, function()
    local path = os.tmpname()
    os.remove(path)
    core.io.download { url = url .. "quit", path = path, retries = -1 }
    server:close()
  end
end

return http
