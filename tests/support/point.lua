-- Runs the cases of one file written by tests/parity/make_point.py:
-- outputs and gradients against PyTorch's.
local ffi = require "ffi"
local core = require "vgg.core"
local parity = require "tests.support.parity"

local point = {}

local special = { nan = 0 / 0, inf = math.huge, ["-inf"] = -math.huge }
local ctype = { float32 = "float[?]", int64 = "int64_t[?]", uint8 = "uint8_t[?]" }

-- A tensor from { shape, dtype, values }.
function point.tensor(packed)
  local dtype = packed.dtype == "bfloat16" and "float32" or packed.dtype
  local n = #packed.values
  local host = ffi.new(ctype[dtype], n + 1)
  for i, v in ipairs(packed.values) do host[i - 1] = special[v] or v end
  local bytes = ffi.string(host, n * ffi.sizeof(host) / (n + 1))
  local t = core.from_bytes(bytes, packed.shape, dtype)
  return packed.dtype == dtype and t or t:to(packed.dtype)
end

-- nil, or how a tensor differs from { shape, dtype, values }.
function point.differs(t, packed, tolerance)
  local shape, want = table.concat(t.shape, "x"), table.concat(packed.shape, "x")
  if shape ~= want then return ("shape %s, want %s"):format(shape, want) end
  if t.dtype ~= packed.dtype then return ("dtype %s, want %s"):format(t.dtype, packed.dtype) end
  local got, at = t:to("float32"):reshape(-1):totable(), 0
  if t.dtype == "int64" then got = t:reshape(-1):totable() end
  for i, v in ipairs(packed.values) do
    local w, g = special[v] or v, got[i]
    local bound = tolerance * math.max(math.abs(w), 0.1)
    local same = (w ~= w and g ~= g) or g == w or math.abs(g - w) <= bound
    if not same then return ("element %d: %.9g, want %.9g"):format(i, g, w) end
    at = i
  end
  if at ~= t.numel then return "element count" end
end

local run = {}
function run.cat(t, args) return core.cat(t, args[1]) end
function run.stack(t, args) return core.stack(t, args[1]) end

-- Cases whose method is not the operation alone.
local special_calls = {
  ["reshape of a transpose"] = function(x) return x:transpose(1, 3):reshape(20, 3) end,
  ["contiguous transposed"] = function(x) return x:transpose(1, 2):contiguous() end,
  ["where same"] = function(x, y) return x:where(x:gt(0), y) end,
  ["where broadcast"] = function(x, y) return x:where(y:gt(0), y) end,
  ["where number"] = function(x) return core.where(x:gt(0), x, -2) end,
}

local function call(case, inputs)
  local named = special_calls[case.op .. " " .. case.kind]
  if named then return named(unpack(inputs)) end
  if run[case.op] then return run[case.op](inputs, case.args) end
  local args, count = {}, #case.args
  for i, a in ipairs(case.args) do
    local k = type(a) == "string" and tonumber(a:match "^%$(%d)$")
    if k then args[i] = inputs[k] else args[i] = a end
    if type(a) == "userdata" then args[i] = nil end -- JSON's null
  end
  return inputs[1][case.op](inputs[1], unpack(args, 1, count))
end

local function check_grads(case, y, inputs, tolerance)
  local gy = parity.tensor(parity.draw(4242, y.numel), y.shape)
  y:backward(gy:to(y.dtype))
  for i, want in ipairs(case.grads) do
    if type(want) == "table" then
      if not inputs[i].grad then return ("input %d has no gradient"):format(i) end
      local why = point.differs(inputs[i].grad, want, tolerance)
      if why then return ("gradient %d: %s"):format(i, why) end
    end
  end
end

-- nil, or what is wrong.
function point.run(case)
  local inputs, tolerance = {}, case.tolerance or 2e-6
  for i, packed in ipairs(case.inputs) do
    inputs[i] = point.tensor(packed)
    if type(case.grads) == "table" and type(case.grads[i]) == "table" then
      inputs[i]:requires_grad_()
    end
  end
  local outputs = { call(case, inputs) }
  for i, want in ipairs(case.outputs) do
    local why = point.differs(outputs[i], want, tolerance)
    if why then return ("output %d: %s"):format(i, why) end
  end
  if type(case.grads) == "table" then
    return check_grads(case, outputs[1], inputs, math.max(tolerance, 4e-6))
  end
end

-- One test an operation, all its cases in it.
function point.each(name, it)
  local order, by_op = {}, {}
  for _, case in ipairs(parity.load(name)) do
    if not by_op[case.op] then
      by_op[case.op] = {}
      order[#order + 1] = case.op
    end
    table.insert(by_op[case.op], case)
  end
  for _, op in ipairs(order) do
    it(("%s equals PyTorch in %d cases"):format(op, #by_op[op]), function()
      local wrong = {}
      for _, case in ipairs(by_op[op]) do
        local why = point.run(case)
        if why then wrong[#wrong + 1] = ("%s (%s): %s"):format(op, case.kind, why) end
      end
      if #wrong > 0 then error(table.concat(wrong, "\n"), 0) end
    end)
  end
end

return point
