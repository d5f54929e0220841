-- A directory of its own for a spec, and small CIFAR-10 files in it.
local fs = require "vgg.core".fs

local scratch = {}

local function wipe(path)
  for _, name in ipairs(fs.list(path) or {}) do wipe(path .. "/" .. name) end
  fs.remove(path)
end

function scratch.new()
  local dir = os.tmpname()
  os.remove(dir)
  assert(fs.mkdir(dir))
  return dir, function() wipe(dir) end
end

function scratch.write(path, bytes)
  assert(fs.mkdir((path:match "^(.*)/")))
  local file = assert(io.open(path, "wb"))
  file:write(bytes)
  file:close()
end

function scratch.records(n, label)
  local all = {}
  for i = 1, n do
    all[i] = string.char((label or i) % 10 + 0) .. string.char(i % 256):rep(3072)
  end
  return table.concat(all)
end

-- counts: records of data_batch_1..5 and, sixth, of test_batch; a missing one makes no file.
function scratch.batches(root, counts)
  for i = 1, 6 do
    local name = i < 6 and ("data_batch_%d.bin"):format(i) or "test_batch.bin"
    if counts[i] then
      scratch.write(root .. "/cifar-10-batches-bin/" .. name, scratch.records(counts[i]))
    end
  end
end

return scratch
