-- One batch of an attack: the variables being moved, which rows are still at work, and what each
-- has come to. Rows are independent; a finished one is written down and leaves the batch as soon
-- as an eighth of the rows are idle.
local core = require "vgg.core"

local Batch = {}
Batch.__index = Batch

-- images: N x C x H x W in 0..1; classes: N int64; space: see spaces; first: position of row 1 in
-- the whole attack; out: the record that is filled.
function Batch.new(images, classes, space, first, out)
  local n = images.shape[1]
  local self = setmetatable({ space = space, out = out, first = first, n = n }, Batch)
  self.rows, self.live, self.working = {}, {}, n
  for i = 1, n do self.rows[i], self.live[i] = i, true end
  self.clean, self.target = images:clone():keep(), classes:clone():keep()
  self.target_list = classes:totable()
  self.v = core.no_grad(space.encode, images):keep()
  self.adversary = images:clone():keep()
  return self
end

-- Position in the record of row i of the tensors.
function Batch:at(i) return self.first - 1 + self.rows[i] end

-- p(class), prediction and distances of every row, as tensors: { p =, predicted =, l2 =, linf = }.
function Batch:measure(logits, pixels)
  local delta = (pixels - self.clean):flatten(2)
  return { p = logits:softmax(2):gather(2, self.target:unsqueeze(2)):flatten(),
    predicted = logits:argmax(2), l2 = delta:norm(2), linf = delta:abs():amax(2) }
end

-- What was measured of every working row goes to the histories. Returns the arrays of p and
-- predictions, by row of the tensors.
function Batch:observe(measured)
  local out = self.out
  local p, predicted = measured.p:totable(), measured.predicted:totable()
  local l2, linf = measured.l2:totable(), measured.linf:totable()
  for i = 1, #self.rows do
    if self.live[i] then
      local history = out.history[self:at(i)]
      local k = #history.p + 1
      history.p[k], history.l2[k], history.linf[k] = p[i], l2[i], linf[i]
    end
  end
  return p, predicted
end

-- Row i stays as it is now.
function Batch:finish(i, pixels, predicted, iterations)
  local at, out = self:at(i), self.out
  local history = out.history[at]
  local k = #history.p
  self.adversary:narrow(1, self.rows[i], 1):copy_(pixels:narrow(1, i, 1))
  out.prob[at], out.l2[at], out.linf[at] = history.p[k], history.l2[k], history.linf[k]
  out.predicted[at], out.iterations[at] = predicted, iterations
  self.live[i] = false
  self.working = self.working - 1
end

local function replace(self, name, index)
  local old = self[name]
  self[name] = old:detach():index_select(1, index):keep()
  old:free()
end

-- Drops idle rows when there are enough of them. `state`: the method's own tensors, by name.
function Batch:compact(state)
  local n = #self.rows
  if self.working == 0 or self.working > n * 7 / 8 then return end
  local index, rows, live, target = {}, {}, {}, {}
  for i = 1, n do
    if self.live[i] then
      index[#index + 1], rows[#rows + 1], live[#live + 1] = i - 1, self.rows[i], true
      target[#target + 1] = self.target_list[i]
    end
  end
  index = core.tensor(index, "int64"):to(self.v.device)
  self.rows, self.live, self.target_list = rows, live, target
  for _, name in ipairs { "v", "clean", "target" } do replace(self, name, index) end
  for name, tensor in pairs(state) do
    state[name] = tensor:index_select(1, index):keep()
    tensor:free()
  end
end

-- Lets everything go but the adversaries.
function Batch:free(state)
  for _, name in ipairs { "v", "clean", "target" } do self[name]:free() end
  for _, tensor in pairs(state or {}) do tensor:free() end
end

return Batch
