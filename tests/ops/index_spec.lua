-- Joining, gathering, selecting, ranking; index tensors count from 0, as class labels do.
local core = require "vgg.core"
local check = require "tests.support.check"
local gradcheck = require "tests.support.gradcheck"
local point = require "tests.support.point"

describe("index", function()
  point.each("index", it)

  it("has gradients that differences confirm", function()
    local x, y = { shape = { 3, 4 } }, { shape = { 2, 4 } }
    local rows = core.tensor({ 2, 0, 2 }, "int64")
    local grid = core.tensor({ { 0, 3, 3 }, { 1, 1, 1 } }, "int64")
    local forms = {
      function(a, b) return core.cat({ a, b, a }, 1) end,
      function(a) return core.stack({ a, a * 2 }, 2) end,
      function(a) return a:index_select(1, rows) end,
      function(a) return a:gather(2, grid) end,
      function(a) return (a:topk(2)) end,
    }
    for i, f in ipairs(forms) do
      local why = gradcheck(f, { x, y }, {})
      if why and not why:find "no gradient" then error(("form %d: %s"):format(i, why)) end
    end
  end)

  it("adds repeated positions in a fixed order", function()
    local x = core.zeros(50, 300):requires_grad_()
    local idx = {}
    for i = 1, 400 do idx[i] = i * 7 % 50 end
    idx = core.tensor(idx, "int64")
    local g = check.random(3, { 400, 300 })
    check.deterministic(function()
      x:set_grad(nil)
      x:index_select(1, idx):backward(g)
      return x.grad
    end)
  end)

  it("cats many", function()
    local parts = {}
    for i = 1, 100 do parts[i] = core.full({ 1, 2 }, i):requires_grad_() end
    local y = core.cat(parts)
    check.shape({ 100, 2 }, y)
    y:backward(core.arange(200):float():reshape(100, 2))
    check.values({ { 198, 199 } }, parts[100].grad)
    check.values({ { 0, 1 } }, parts[1].grad)
  end)

  it("says what does not fit", function()
    local x, i = core.zeros(2, 3), core.tensor({ 0, 5 }, "int64")
    check.raises("index_select: index 5 at position 2, want 0 to 1",
      function() x:index_select(1, i) end)
    check.raises("gather: index -1 at position 1, want 0 to 2",
      function() x:gather(2, core.tensor({ { -1 } }, "int64")) end)
    check.raises("gather: index 2 does not fit 2x3 along dimension 1",
      function() x:gather(1, i) end)
    check.raises("gather: want int64, got float32", function() x:gather(1, x) end)
    check.raises("cat: 2x3 and 2 do not fit along dimension 1",
      function() core.cat { x, i:float() } end)
    check.raises("cat: want float32, got int64", function() core.cat { x, i } end)
    check.raises("cat: want at least one tensor", function() core.cat {} end)
    check.raises("stack: 2x3 and 2", function() core.stack { x, i } end)
    check.raises("topk: the 4 largest along dimension 2 of 2x3", function() x:topk(4) end)
    check.raises("topk: unknown option 'lowest'", function() x:topk(1, 1, { lowest = true }) end)
  end)

  it("gives the same bits for every team and run", function()
    local x = check.random(5, { 300, 120 })
    check.deterministic(function() return (x:topk(5)) end)
    check.deterministic(function() return (select(2, x:topk(5, 1))) end)
    check.deterministic(function() return (x:gather(2, x:argmax(2, { keepdim = true }))) end)
  end)
end)
