-- Runs the stored cases of tests/parity/dense.json for one operation.
local parity = require "tests.support.parity"

local dense = {}

local run = {}
function run.conv2d(t, o)
  o.weight, o.bias = t.weight, t.bias
  return t.x:conv2d(o)
end
function run.max_pool2d(t, o) return t.x:max_pool2d(o) end
function run.avg_pool2d(t, o) return t.x:avg_pool2d(o) end
function run.adaptive_avg_pool2d(t, o) return t.x:adaptive_avg_pool2d(o.size[1], o.size[2]) end
function run.adaptive_max_pool2d(t, o) return t.x:adaptive_max_pool2d(o.size[1], o.size[2]) end
function run.matmul(t) return t.a:matmul(t.b) end
function run.linear(t) return t.x:linear(t.weight, t.bias) end
function run.batch_norm2d(t, o, case)
  local c = t.x.shape[2]
  o.weight, o.bias = t.weight, t.bias
  if case.running then
    o.running_mean = parity.tensor(parity.draw(31, c), { c })
    o.running_var = parity.tensor(parity.draw(37, c, 0.5, 2), { c })
  end
  return t.x:batch_norm2d(o)
end

-- Raises with the first difference. `tolerance`: { y =, grad = } relative to the largest value.
function dense.check(case, tolerance)
  local t, o = parity.inputs(case), {}
  for k, v in pairs(case.options) do o[k] = v end
  local y = run[case.op](t, o, case)
  local function same(name, got, want, bound)
    local why = parity.differs(got, want, bound)
    if why then error(("%s: %s"):format(name, why), 0) end
  end
  same("y", y, case.y, tolerance.y)
  y:backward(parity.tensor(parity.draw(5, y.numel), y.shape))
  for i, want in ipairs(case.grads) do
    same("gradient of " .. case.inputs[i].name, t[i].grad, want, tolerance.grad)
  end
  for name, want in pairs(case.after) do same(name, o[name], want, 1e-5) end
end

-- Cases of one operation, in order.
function dense.cases(op)
  local out = {}
  for _, case in ipairs(parity.load("dense").cases) do
    if case.op == op then out[#out + 1] = case end
  end
  return out
end

return dense
