-- Small assertions for specs. Each raises at the caller with what was wanted and what came.
local core = require "vgg.core"
local parity = require "tests.support.parity"

local check = {}

local function text(v)
  if type(v) ~= "table" then return tostring(v) end
  local out = {}
  for i, x in ipairs(v) do out[i] = text(x) end
  return "{" .. table.concat(out, ",") .. "}"
end

-- fn(...) must raise, and the message must hold `want` (plain text).
function check.raises(want, fn, ...)
  local ok, message = pcall(fn, ...)
  if ok then error("no error, want: " .. want, 2) end
  message = tostring(message)
  if not message:find(want, 1, true) then
    error(("error is\n  %s\nwant\n  %s"):format(message, want), 2)
  end
end

-- Shape and values, numbers or nested tables; tolerance is relative to the wanted value, or
-- absolute below 1. NaN equals NaN.
function check.values(want, tensor, tolerance)
  tolerance = tolerance or 1e-6
  local function compare(w, g)
    if type(w) ~= type(g) then return false end
    if type(w) == "table" then
      if #w ~= #g then return false end
      for i = 1, #w do if not compare(w[i], g[i]) then return false end end
      return true
    end
    if w ~= w or g ~= g then return w ~= w and g ~= g end
    return w == g or math.abs(w - g) <= tolerance * math.max(1, math.abs(w))
  end
  local got = type(tensor) == "userdata" and tensor:totable() or tensor
  if not compare(want, got) then error(("want %s, got %s"):format(text(want), text(got)), 2) end
end

function check.shape(want, tensor)
  local a, b = table.concat(want, "x"), table.concat(tensor.shape, "x")
  if a ~= b then error(("want shape %s, got %s"):format(a, b), 2) end
end

-- Same dtype, shape and bytes.
function check.same_bits(a, b, what)
  if a.dtype ~= b.dtype or table.concat(a.shape, "x") ~= table.concat(b.shape, "x")
    or a:tobytes() ~= b:tobytes() then
    error((what or "tensors") .. " differ in their bits", 2)
  end
end

-- Runs fn and fails if it left tensors, pool blocks or host memory behind.
function check.clean(fn, ...)
  local function held()
    jit.flush() -- a compiled trace keeps the tensors it was specialised on
    collectgarbage()
    collectgarbage()
    local host, pool = core.device.host_memory(), core.device.memory()
    return { tensors = host.tensors, blocks = pool.blocks, bytes = pool.live }
  end
  local before = held()
  fn(...)
  local after = held()
  for k, v in pairs(before) do
    if after[k] > v then error(("%d %s left behind"):format(after[k] - v, k), 2) end
  end
end

-- fn() must give the same bits again, and for every team size.
function check.deterministic(fn, threads)
  local first = fn()
  check.same_bits(first, fn(), "two runs")
  for _, n in ipairs(threads or { 1, 2, 3 }) do
    core.device.set_threads(n)
    local ok, again = pcall(fn)
    core.device.set_threads(0)
    if not ok then error(again, 2) end
    check.same_bits(first, again, ("runs with the default team and with %d threads"):format(n))
  end
end

-- A random float32 tensor, the same every time.
function check.random(seed, shape, low, high)
  return parity.tensor(parity.draw(seed, parity.count(shape), low, high), shape)
end

return check
