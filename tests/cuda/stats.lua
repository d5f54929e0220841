-- Convolutions in bf16 with batch norms behind them: stats.lua CASE. Each line is one call: how far
-- the batch norm's statistics are from those of the convolution's own output, in parts of its
-- deviation. The report of the stand-ins tells who made them.
local core = require "vgg.core"
local parity = require "tests.support.parity"
core.set_default_device "cuda"

local channels, rows = 16, 4 * 6 * 5
local x = parity.tensor(parity.draw(3, rows * 8, -1, 1), { 4, 8, 6, 5 })
local w = parity.tensor(parity.draw(5, channels * 8 * 9, -0.2, 0.2), { channels, 8, 3, 3 })
local bias = {}
for c = 1, channels do bias[c] = (c % 2 * 2 - 1) * 2 end -- the mean is three to four deviations
bias = parity.tensor(bias, { channels })
w:requires_grad_()

local function conv(options)
  local o = { weight = w, pad = 1 }
  for key, value in pairs(options or {}) do o[key] = value end
  return x:to(o.dtype or "bfloat16"):conv2d { weight = o.weight, pad = 1, bias = o.bias }
end

local function exact(y)
  local flat, mean, var = parity.flat(y:to "float32"), {}, {}
  local n, plane = y.shape[1], y.shape[3] * y.shape[4]
  for c = 1, channels do
    local sum, squares, all = 0, 0, {}
    for i = 0, n - 1 do
      for p = 1, plane do all[#all + 1] = flat[(i * channels + c - 1) * plane + p] end
    end
    for _, v in ipairs(all) do sum = sum + v end
    mean[c] = sum / #all
    for _, v in ipairs(all) do squares = squares + (v - mean[c]) ^ 2 end
    var[c] = squares / (#all - 1)
  end
  return mean, var
end

-- One batch norm; its statistics, seen as running ones.
local function norm(y, training)
  local mean, var = parity.tensor({}, { channels }), parity.tensor({}, { channels })
  local out = y:batch_norm2d { running_mean = mean, running_var = var, training = training ~= false,
    momentum = 1 }
  return out, parity.flat(mean), parity.flat(var)
end

local function compare(y, mean, var)
  local want_mean, want_var = exact(y)
  local worst = 0
  for c = 1, channels do
    worst = math.max(worst, math.abs(mean[c] - want_mean[c]) / math.sqrt(want_var[c]),
      math.abs(var[c] / want_var[c] - 1))
  end
  print(("%.6f"):format(worst))
end

local function check(y)
  local _, mean, var = norm(y)
  compare(y, mean, var)
end

local function repeatedly(n, f)
  for _ = 1, n do core.scope(f) end
end

local function asked()
  local found = "nobody asks"
  for key, value in pairs(core.dense.conv_choices()) do
    if key:find(" stats", 1, true) then found = value end
  end
  return found
end

local cases = {}

function cases.train() repeatedly(3, function() check(conv { bias = bias }) end) end
function cases.without_bias() repeatedly(3, function() check(conv()) end) end
function cases.f32()
  repeatedly(3, function() check(conv { bias = bias, dtype = "float32" }) end)
end
function cases.no_grad()
  repeatedly(3, function() core.no_grad(function() check(conv { bias = bias }) end) end)
end

function cases.changed() -- between the convolution and the batch norm
  repeatedly(3, function()
    local y = conv { bias = bias }:detach()
    check(y)
    y:mul_(2)
    check(y)
  end)
end

function cases.recorded() -- a batch norm alone, whose input changes before it is launched
  repeatedly(2, function() check(conv { bias = bias }) end)
  core.scope(function()
    local y = conv { bias = bias }:detach()
    local mean, var = parity.tensor({}, { channels }), parity.tensor({}, { channels })
    local recording = core.replay.begin "cuda"
    core.scope(function()
      y:batch_norm2d { running_mean = mean, running_var = var, training = true, momentum = 1 }
    end)
    recording:finish {}
    y:mul_(2)
    recording:launch()
    compare(y, parity.flat(mean), parity.flat(var))
    recording:free()
  end)
end

function cases.constant() -- 825 odd squares come to one more than f32 can hold
  local zero, big = parity.tensor({}, { channels, 8, 3, 3 }):requires_grad_(), {}
  for c = 1, channels do big[c] = (257 - 2 * c) * 8 end
  big = parity.tensor(big, { channels })
  x = parity.tensor({}, { 5, 8, 11, 15 })
  repeatedly(2, function()
    local out = norm(conv { weight = zero, bias = big })
    for _, v in ipairs(parity.flat(out:to "float32")) do assert(math.abs(v) < 1, v) end
  end)
  print "finite"
end

function cases.unused()
  repeatedly(2, function() check(conv { bias = bias }) end)
  for _ = 1, 6 do
    print(asked())
    core.scope(function() norm(conv { bias = bias }, false) end)
  end
end

-- A process that goes on with another one's choices starts as that one ended.
function cases.resume()
  local key = "forward bf16 4x8x6x5 w16x3x3 s1x1 p1x1 d1x1 g1 bias stats"
  core.dense.set_conv_choices { [key] = arg[2] }
  repeatedly(2, function() check(conv { bias = bias }) end)
  print(asked())
end

function cases.once()
  repeatedly(1, function() check(conv { bias = bias }) end)
  print(asked())
end

cases[arg[1]]()
