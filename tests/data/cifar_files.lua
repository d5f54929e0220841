-- Small CIFAR-10 files for specs.
local scratch = dofile "tests/support/scratch.lua"

local cifar = {}

function cifar.records(n, label)
  local all = {}
  for i = 1, n do
    all[i] = string.char((label or i) % 10 + 0) .. string.char(i % 256):rep(3072)
  end
  return table.concat(all)
end

-- counts: records of data_batch_1..5 and, sixth, of test_batch; a missing one makes no file.
function cifar.batches(root, counts)
  for i = 1, 6 do
    local name = i < 6 and ("data_batch_%d.bin"):format(i) or "test_batch.bin"
    if counts[i] then
      scratch.write(root .. "/cifar-10-batches-bin/" .. name, cifar.records(counts[i]))
    end
  end
end

return cifar
