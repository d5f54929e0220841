-- The GPU backend reaches a tensor's memory by vg_cuda_data and takes buffers by vg_cuda_take, both
-- of which wait for late updates and branches (core/cuda/late.h, beside.h). Who may do without,
-- because it knows better:
local without = {
  ["stream.h"] = true, -- defines it
  ["layout.c"] = "vg_walk_init", -- touches what the walk has
  ["grad_norm.c"] = "vg_data", ["late.c"] = "vg_data", ["optim.c"] = "vg_data",
}

local problems, files = 0, 0
local list = assert(io.popen "ls core/cuda/*.c core/cuda/*.h")
for path in list:lines() do
  local allowed, number = without[path:match "[^/]+$"], 0
  files = files + 1
  for line in io.lines(path) do
    number = number + 1
    for _, name in ipairs { "vg_data", "vg_buf_take", "vg_walk_init" } do
      if line:find("%f[%w_]" .. name .. "%f[^%w_]%(") and allowed ~= true and allowed ~= name then
        problems = problems + 1
        print(("%s:%d: %s waits for nothing; use vg_cuda_data, vg_cuda_take or vg_cuda_walk_of")
          :format(path, number, name))
      end
    end
  end
end
list:close()
print(("device memory: %d files, %d problems"):format(files, problems))
os.exit((problems == 0 and files > 20) and 0 or 1)
