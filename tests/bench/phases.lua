-- Times the phases of a training step on random images: forward, cross-entropy, backward, Adam.
--   vgglua tests/bench/phases.lua [model [batch [steps [f32 | bf16]]]]    BENCH_CPU_TIME=1: of one
-- thread, in seconds computed instead of seconds passed.
package.path = "./?.lua;lua/?.lua;lua/?/init.lua;" .. package.path
local ffi = require "ffi"
local vgg = require "vgg"
local nn, optim, models = vgg.nn, vgg.optim, vgg.models

local name, batch, steps = arg[1] or "vgg16_bn", tonumber(arg[2] or 128), tonumber(arg[3] or 5)
local precision = arg[4] or "f32"
ffi.cdef "typedef struct { long s, ns; } bench_time; int clock_gettime(int, bench_time *);"

local now_at = ffi.new "bench_time"
local function now()
  ffi.C.clock_gettime(os.getenv "BENCH_CPU_TIME" and 2 or 1, now_at)
  return tonumber(now_at.s) + 1e-9 * tonumber(now_at.ns)
end

vgg.manual_seed(1)
local model = models.build and models.build(name, {}) or models[name] {}
model:train()
local optimizer = optim.Adam { model:parameters(), lr = 1e-4 }
local loss_of = nn.CrossEntropyLoss {}

local x, labels = ffi.new("float[?]", batch * 3072), {}
for i = 0, batch * 3072 - 1 do x[i] = math.random() * 2 - 1 end
for i = 1, batch do labels[i] = i % 10 end
local images = vgg.core.from_bytes(ffi.string(x, batch * 3072 * 4), { batch, 3, 32, 32 }, "float32")
local target = vgg.tensor(labels, "int64")

local least, parts = math.huge, { math.huge, math.huge, math.huge }
for _ = 1, steps do
  vgg.scope(function()
    local t0 = now()
    local loss = loss_of(vgg.autocast(precision, model, images), target)
    local t1 = now()
    loss:backward()
    local t2 = now()
    optimizer:step()
    optimizer:zero_grad()
    local t3 = now()
    least = math.min(least, t3 - t0)
    for i, t in ipairs { t1 - t0, t2 - t1, t3 - t2 } do parts[i] = math.min(parts[i], t) end
  end)
end
local memory = vgg.core.device.memory and vgg.core.device.memory() or {}
local text = "%s, batch %d: %.1f ms a step (forward %.1f, backward %.1f, update %.1f), peak %.0f MB"
print(text:format(name, batch, 1e3 * least, 1e3 * parts[1], 1e3 * parts[2], 1e3 * parts[3],
  (memory.peak or 0) / 2 ^ 20))
