-- Schedules against PyTorch's (tests/parity/optim.json).
local core = require "vgg.core"
local optim = require "vgg.optim"
local stored = require "tests.support.stored"

local s = optim.schedule
local data = stored.load("optim").schedules

local function optimizer(kind, momentum)
  local a, b = core.randn { 1 }, core.randn { 1 }
  return optim[kind] { { a }, { b, lr = 0.025 }, lr = 0.1, momentum = momentum }
end

local cases = {
  ["cosine"] = { "SGD", function(o) return s.Cosine { o, T_max = 20, eta_min = 0.001 } end },
  ["onecycle"] = { "SGD", function(o) return s.OneCycle { o, max_lr = 0.4, total_steps = 37 } end,
    0.9 },
  ["onecycle adam"] = { "Adam", function(o)
    return s.OneCycleLR { o, max_lr = { 0.4, 0.2 }, total_steps = 20, pct_start = 0.25,
      div_factor = 10, final_div_factor = 100 }
  end },
  ["onecycle linear three"] = { "SGD", function(o)
    return s.OneCycle { o, max_lr = 0.4, total_steps = 50, anneal = "linear", three_phase = true,
      pct_start = 0.2 }
  end, 0.9 },
  ["step"] = { "SGD", function(o) return s.StepLR { o, step_size = 4, gamma = 0.3 } end },
  ["multistep"] = { "SGD", function(o)
    return s.MultiStepLR { o, milestones = { 3, 5, 11 }, gamma = 0.5 }
  end },
  ["exponential"] = { "SGD", function(o) return s.Exponential { o, gamma = 0.9 } end },
  ["warmup"] = { "SGD", function(o) return s.WarmUp { o, steps = 6, start_factor = 0.1 } end },
  ["warmup cosine"] = { "SGD", function(o)
    return s.WarmUp { o, steps = 5, start_factor = 0.05, after = s.Cosine { T_max = 15 } }
  end },
}

describe("schedules", function()
  local count = 0
  for name, rows in pairs(data) do
    count = count + 1
    it("equal PyTorch's: " .. name, function()
      local case = assert(cases[name])
      local opt = optimizer(case[1], case[3])
      local schedule = case[2](opt)
      for i, row in ipairs(rows) do
        local g = opt.param_groups
        assert.is_nil(stored.far(g[1].lr, row[1], 1e-9), i)
        assert.is_nil(stored.far(g[2].lr, row[2], 1e-9), i)
        local m = g[1].betas and g[1].betas[1] or g[1].momentum
        assert.is_nil(stored.far(m, row[3], 1e-9), i)
        assert.near(row[2], schedule:at(i - 1, 2), 1e-9)
        assert.equal(g[1].lr, schedule:get_last_lr()[1])
        schedule:step()
      end
    end)
  end
  it("cover every stored one", function() assert.equal(9, count) end)

  it("Constant leaves the rates; OneCycle keeps its last rate after the end", function()
    local opt = optimizer "Adam"
    local constant = s.Constant { opt }
    for _ = 1, 5 do constant:step() end
    assert.equal(0.1, opt.param_groups[1].lr)
    local cycle = s.OneCycle { opt, max_lr = 1, total_steps = 10 }
    assert.equal(cycle:at(9), cycle:at(50))
  end)

  it("go on from a state dict", function()
    local a, b = optimizer "SGD", optimizer "SGD"
    local x, y = cases["warmup cosine"][2](a), cases["warmup cosine"][2](b)
    for _ = 1, 8 do x:step() end
    b.param_groups[1].lr = 3
    y:load_state_dict(x:state_dict())
    for _ = 1, 4 do
      assert.equal(a.param_groups[1].lr, b.param_groups[1].lr)
      x:step()
      y:step()
    end
    assert.error_matches(function() s.Constant({ a }):load_state_dict(x:state_dict()) end,
      "the state is of WarmUp, this is Constant")
  end)

  it("without an optimizer are functions of one", function()
    local opt = optimizer "SGD"
    local schedule = s.Cosine { T_max = 10, interval = "epoch" } (opt)
    assert.equal("epoch", schedule.interval)
    schedule:step()
    assert.near(0.1 * (1 + math.cos(math.pi / 10)) / 2, opt.param_groups[1].lr, 1e-12)
  end)

  it("say what is wrong", function()
    local opt = optimizer "SGD"
    local function fails(text, fn) assert.error_matches(fn, text) end
    fails("schedule.Cosine: unknown option 't_max' %(did you mean 'T_max'%?%)",
      function() s.Cosine { opt, t_max = 3 } end)
    fails("schedule.Cosine: T_max must be a whole number >= 1", function() s.Cosine { opt } end)
    fails("schedule.Step: want an optimizer", function() s.Step { 3, step_size = 1 } end)
    fails("anneal must be cos or linear",
      function() s.OneCycle { opt, max_lr = 1, total_steps = 3, anneal = "sin" } end)
    fails("pct_start must lie in 0..1",
      function() s.OneCycle { opt, max_lr = 1, total_steps = 3, pct_start = 2 } end)
    fails("interval must be step or epoch", function() s.Constant { opt, interval = "day" } end)
  end)
end)
