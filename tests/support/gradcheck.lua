-- Gradient check: the directional derivative of f along a random cotangent, element by element, by
-- central differences, against backward. Sums are taken in doubles.
local parity = require "tests.support.parity"

local function dot(y, gy)
  local v, s = parity.flat(y), 0
  for i = 1, #v do s = s + v[i] * gy[i] end
  return s
end

-- f(tensors...) -> tensor; inputs: list of { shape = {...}, values = {...} or nil (random),
-- no_grad = true for one that is not checked }. options: step, tolerance (relative to the largest
-- derivative), most (elements probed per input), seed. Returns nil, or what is wrong.
return function(f, inputs, options)
  options = options or {}
  local step, tolerance = options.step or 1e-2, options.tolerance or 2e-3
  local most, seed = options.most or 24, options.seed or 11
  local values, tensors = {}, {}
  for i, spec in ipairs(inputs) do
    values[i] = spec.values or parity.draw(seed * 100 + i, parity.count(spec.shape))
    tensors[i] = parity.tensor(values[i], spec.shape)
    if not spec.no_grad then tensors[i]:requires_grad_() end
  end
  local y = f(unpack(tensors))
  local gy = parity.draw(seed * 100 + 99, y.numel)
  y:backward(parity.tensor(gy, y.shape))

  local function at(i, j, value)
    local saved, moved = values[i][j], {}
    values[i][j] = value
    for k, spec in ipairs(inputs) do moved[k] = parity.tensor(values[k], spec.shape) end
    values[i][j] = saved
    return dot(f(unpack(moved)), gy)
  end

  for i, spec in ipairs(inputs) do
    if not spec.no_grad then
      local grad = tensors[i].grad
      if not grad then return ("input %d has no gradient"):format(i) end
      local got, scale, probes = parity.flat(grad), 1e-3, {}
      for _, g in ipairs(got) do scale = math.max(scale, math.abs(g)) end
      local stride = math.max(1, math.ceil(#got / most))
      for j = 1, #got, stride do probes[#probes + 1] = j end
      for _, j in ipairs(probes) do
        local x = values[i][j]
        local want = (at(i, j, x + step) - at(i, j, x - step)) / (2 * step)
        local off = math.abs(got[j] - want)
        if off ~= off or off > tolerance * scale then
          return ("input %d element %d: backward %.7g, differences %.7g"):format(i, j, got[j], want)
        end
      end
    end
  end
end
