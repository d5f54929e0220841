-- Optimisers against PyTorch's ten-step traces (tests/parity/optim.json), state dicts, groups.
local core = require "vgg.core"
local optim = require "vgg.optim"
local stored = require "tests.support.stored"

local data = stored.load "optim"

local function start()
  local params = {}
  for i, spec in ipairs(data.start) do params[i] = stored.tensor(spec):requires_grad_() end
  return params
end

local function set_grads(params, step, late)
  for j, p in ipairs(params) do
    local none = late and ((j == 2 and step <= 3) or j == 4)
    p:set_grad(not none and stored.tensor(data.grads[step][j]) or nil)
  end
end

local function two(ps, options)
  options[1] = { ps[1], ps[2], lr = 0.1 }
  options[2] = { { ps[3], ps[4] }, weight_decay = 0.3 }
  return options
end

local function one(ps, options)
  options[1] = ps
  return options
end

local runs = {
  ["Adam"] = { "Adam", { lr = 1e-3 } },
  ["Adam lr 0.1 decay 0.01"] = { "Adam", { lr = 0.1, weight_decay = 0.01 } },
  ["Adam betas eps"] = { "Adam", { lr = 0.01, betas = { 0.5, 0.9 }, eps = 1e-3 } },
  ["Adam late"] = { "Adam", { lr = 0.01 }, late = true },
  ["Adam groups"] = { "Adam", { lr = 0.01 }, groups = two },
  ["AdamW"] = { "AdamW", { lr = 0.01 } },
  ["AdamW decay 0.2"] = { "AdamW", { lr = 0.05, weight_decay = 0.2 } },
  ["SGD"] = { "SGD", { lr = 0.1 } },
  ["SGD decay"] = { "SGD", { lr = 0.1, weight_decay = 0.1 } },
  ["SGD momentum"] = { "SGD", { lr = 0.05, momentum = 0.9 } },
  ["SGD dampening"] = { "SGD", { lr = 0.05, momentum = 0.9, dampening = 0.3 } },
  ["SGD nesterov"] = { "SGD", { lr = 0.05, momentum = 0.8, nesterov = true, weight_decay = 0.01 } },
  ["SGD late"] = { "SGD", { lr = 0.05, momentum = 0.9, dampening = 0.1 }, late = true },
  ["Adam clip norm 1"] = { "Adam", { lr = 0.01 }, clip = { "norm", 1 } },
  ["Adam clip norm 1000"] = { "Adam", { lr = 0.01 }, clip = { "norm", 1000 } },
  ["Adam clip value 0.1"] = { "Adam", { lr = 0.01 }, clip = { "value", 0.1 } },
}

local function make(run, params)
  local options = {}
  for key, value in pairs(run[2]) do options[key] = value end
  return optim[run[1]]((run.groups or one)(params, options))
end

local function clip(run, params)
  if not run.clip then return end
  if run.clip[1] == "norm" then return optim.clip_grad_norm(params, run.clip[2]) end
  optim.clip_grad_value(params, run.clip[2])
end

describe("optimizers", function()
  local count = 0
  for name, expected in pairs(data.runs) do
    count = count + 1
    it("equal PyTorch over ten steps: " .. name, function()
      local run, params = assert(runs[name]), start()
      local opt, seen = make(run, params), 0
      for step = 1, 10 do
        opt:zero_grad()
        set_grads(params, step, run.late)
        local norm = clip(run, params)
        opt:step()
        for _, at in ipairs(expected.trace) do
          if at.step == step then
            seen = seen + 1
            for j, p in ipairs(params) do
              assert.is_nil(stored.differs(p, at.params[j], 1e-6))
            end
            if type(at.norm) == "number" then assert.is_nil(stored.far(norm, at.norm, 1e-6)) end
          end
        end
      end
      assert.equal(4, seen)
      local dict = opt:state_dict()
      for key, spec in pairs(expected.state) do
        assert.is_nil(stored.differs(dict[key], spec, 1e-6))
      end
      for key, value in pairs(dict) do
        if type(value) == "userdata" then assert.is_not_nil(expected.state[key], key) end
      end
    end)
  end
  it("cover every stored run", function() assert.equal(16, count) end)

  it("leave parameters without a gradient alone and give them no state", function()
    local params = start()
    local before = params[4]:tobytes()
    local opt = optim.Adam { params, weight_decay = 0.1 }
    opt:step() -- nobody has one
    assert.same({}, opt:state_dict().steps)
    for step = 1, 3 do
      set_grads(params, step, true)
      opt:step()
    end
    assert.is_true(before == params[4]:tobytes())
    local dict = opt:state_dict()
    assert.is_nil(dict["exp_avg.4"])
    assert.is_nil(dict["exp_avg.2"])
    assert.is_not_nil(dict["exp_avg_sq.3"])
    assert.same({ ["1"] = 3, ["3"] = 3 }, dict.steps)
  end)

  it("grad_scale equals scaling the gradients first", function()
    for _, kind in ipairs { "Adam", "SGD" } do
      local a, b = start(), start()
      local options = kind == "SGD" and { momentum = 0.9 } or {}
      local x = optim[kind](one(a, options))
      local y = optim[kind](one(b, { momentum = options.momentum }))
      for step = 1, 3 do
        set_grads(a, step)
        set_grads(b, step)
        for _, p in ipairs(b) do p:set_grad(p.grad * 0.25) end
        x:step { grad_scale = 0.25 }
        y:step()
        for i = 1, 4 do assert.is_true(a[i]:tobytes() == b[i]:tobytes()) end
      end
    end
  end)

  it("clip inside of a step as before it, or say that the device cannot", function()
    for _, max_norm in ipairs { 0.5, 1e6 } do
      for _, kind in ipairs { "Adam", "SGD" } do
        local a, b = start(), start()
        local x, y = optim[kind] { a }, optim[kind] { b }
        set_grads(a, 1)
        set_grads(b, 1)
        local able, norm, squares = pcall(core.optim.grad_norm_tensor, a)
        if not able then
          assert.matches("cpu", tostring(norm))
          squares = core.tensor({ 0 }, "int64")
          assert.error_matches(function() x:step { squares = squares, max_norm = 1 } end,
            "clipping inside of a step.*cpu")
        else
          local before = a[2].grad:tobytes()
          x:step { squares = squares, max_norm = max_norm }
          assert.is_true(before == a[2].grad:tobytes())
          assert.near(norm:item(), optim.clip_grad_norm(b, max_norm), 1e-5)
          y:step()
          for i = 1, 4 do assert.is_true(a[i]:tobytes() == b[i]:tobytes()) end
          assert.has_error(function() x:step { squares = squares, max_norm = -1 } end)
          assert.has_error(function() x:step { squares = norm, max_norm = 1 } end)
        end
        assert.has_error(function() x:step { max_norm = 1 } end)
      end
    end
  end)

  it("read the rate of each step from param_groups", function()
    local params = start()
    local opt = optim.SGD { params, lr = 0.5 }
    opt.param_groups[1].lr = 0
    local before = params[1]:tobytes()
    set_grads(params, 1)
    opt:step()
    assert.is_true(before == params[1]:tobytes())
  end)

  it("do not depend on threads, also over many and large tensors", function()
    local function run(threads)
      core.device.set_threads(threads)
      core.manual_seed(2)
      local params = {}
      for i = 1, 150 do
        params[i] = core.randn({ i % 7 == 0 and 20011 or 13 }):requires_grad_()
        params[i]:set_grad(core.randn(params[i].shape))
      end
      local opt, bytes = optim.Adam { params, lr = 0.1 }, {}
      local norm = optim.clip_grad_norm(params, 3)
      opt:step()
      core.device.set_threads(0)
      for i, p in ipairs(params) do bytes[i] = p:tobytes() end
      return table.concat(bytes), norm
    end
    local bytes, norm = run(1)
    for _, threads in ipairs { 2, 3 } do
      local other, n = run(threads)
      assert.is_true(bytes == other)
      assert.equal(norm, n)
    end
  end)

  it("resume bit for bit from a state dict", function()
    for name, run in pairs { Adam = runs["Adam groups"], SGD = runs["SGD nesterov"] } do
      local a, b = start(), start()
      local x, y = make(run, a), make(run, b)
      for step = 1, 4 do
        set_grads(a, step, true)
        x:step()
      end
      core.no_grad(function() for i, p in ipairs(a) do b[i]:copy_(p) end end)
      y.param_groups[1].lr = 9
      y:load_state_dict(x:state_dict())
      assert.equal(x.param_groups[1].lr, y.param_groups[1].lr, name)
      for step = 5, 8 do
        set_grads(a, step)
        set_grads(b, step)
        x:step()
        y:step()
        for i = 1, 4 do assert.is_true(a[i]:tobytes() == b[i]:tobytes()) end
      end
    end
  end)

  it("refuse a state that does not fit, and stay as they were", function()
    local params = start()
    local adam = optim.Adam { params }
    set_grads(params, 1)
    adam:step()
    local dict = adam:state_dict()
    assert.error_matches(function() optim.SGD({ start() }):load_state_dict(dict) end,
      "the state is of Adam, this is SGD")
    assert.error_matches(function() optim.Adam({ params[1] }):load_state_dict(dict) end,
      "parameter 2 of group 1 is '2' in the state, 'nil' here")
    assert.error_matches(function()
      optim.Adam({ { params[1], params[2] }, { params[3] } }):load_state_dict(dict)
    end, "1 parameter groups in the state, 2 here")
    local other = start()
    other[1] = core.randn({ 4, 3 }):requires_grad_()
    local fresh = optim.Adam { other }
    assert.error_matches(function() fresh:load_state_dict(dict) end,
      "exp_avg.1 is 3x4, its parameter 4x3")
    assert.same({}, fresh:state_dict().steps)
  end)

  it("take names from pairs, from `names`, and from modules", function()
    local p = start()
    local module = { named_parameters = function()
      local i = 0
      return function()
        i = i + 1
        if p[i] then return "layer." .. i, p[i] end
      end
    end }
    local function names(opt) return table.concat(opt.param_groups[1].names, " ") end
    assert.equal("1 2 3 4", names(optim.Adam { p }))
    assert.equal("1 2", names(optim.Adam { p[1], p[2] }))
    assert.equal("a b", names(optim.Adam { { { "a", p[1] }, { "b", p[2] } } }))
    assert.equal("layer.1 layer.2 layer.3 layer.4", names(optim.Adam { module }))
    assert.equal("x y", names(optim.Adam { { p[1], p[2], names = { "x", "y" } } }))
    assert.equal("x y", names(optim.Adam { setmetatable({ p[1], p[2] },
      { names = { "x", "y" } }) }))
    local opt = optim.Adam { { p[1], lr = 0.5 }, { { "b", p[2] } }, lr = 0.25 }
    assert.equal(0.5, opt.param_groups[1].lr)
    assert.equal(0.25, opt.param_groups[2].lr)
    opt:add_param_group { p[3], lr = 2 }
    assert.equal(2, opt.param_groups[3].lr)
    assert.equal(3, #opt:parameters())
    opt.param_groups[1].betas[1] = 0
    assert.equal(0.9, opt.param_groups[2].betas[1])
  end)

  it("say what is wrong with their arguments", function()
    local p = start()
    local function fails(text, fn) assert.error_matches(fn, text) end
    fails("Adam: unknown option 'learning_rate'",
      function() optim.Adam { p, learning_rate = 1 } end)
    fails("Adam: unknown option 'weigth_decay' %(did you mean 'weight_decay'%?%)",
      function() optim.Adam { p, weigth_decay = 1 } end)
    fails("Adam: unknown option 'momentum'", function() optim.Adam { { p, momentum = 1 } } end)
    fails("Adam: lr must be a number >= 0, got %-1", function() optim.Adam { p, lr = -1 } end)
    fails("betas must lie in 0 <= beta < 1, got 1",
      function() optim.Adam { p, betas = { 0.9, 1 } } end)
    fails("AdamW: no parameters", function() optim.AdamW {} end)
    fails("Adam: a group has no parameters", function() optim.Adam { {} } end)
    fails("want a table", function() optim.Adam(p[1]) end)
    fails("parameters 1 and 3 are the same tensor",
      function() optim.Adam { p[1], p[2], p[1] } end)
    fails("two parameters are named 'a'",
      function() optim.Adam { { { "a", p[1] }, { "a", p[2] } } } end)
    fails("parameters are tensors, arrays of tensors or modules, got a number",
      function() optim.Adam { 3 } end)
    fails("SGD: nesterov needs momentum > 0", function() optim.SGD { p, nesterov = true } end)
    local labels = core.tensor({ 1, 2 }, "int64")
    labels:set_grad(core.tensor({ 1, 2 }, "int64"))
    fails("adam: parameter 1 is int64 with a int64 gradient, want float32",
      function() optim.Adam({ labels }):step() end)
    local view = core.randn({ 3, 4 }):narrow(2, 1, 3)
    view:set_grad(core.randn { 3, 3 })
    fails("adam: parameter 1 is a view with gaps or overlaps",
      function() optim.Adam({ view }):step() end)
  end)

  it("take parameters in any order in memory", function()
    local a = core.randn { 3, 4 }
    local b = a:clone():transpose(1, 2)
    for _ = 1, 3 do
      local g = core.randn { 3, 4 }
      a:set_grad(g)
      b:set_grad(g:transpose(1, 2):contiguous())
    end
    optim.Adam({ a }):step()
    optim.Adam({ b }):step()
    assert.is_true(a:equal(b:transpose(1, 2)))
  end)

  it("take gradients that are views", function()
    local a, b = core.randn { 3, 4 }, core.randn { 3, 4 }
    core.no_grad(function() b:copy_(a) end)
    local g = core.randn { 4, 3 }
    a:set_grad(g:transpose(1, 2))
    b:set_grad(g:transpose(1, 2):contiguous())
    optim.Adam({ a }):step()
    optim.Adam({ b }):step()
    assert.is_true(a:tobytes() == b:tobytes())
  end)

  it("keep their state when the scope of a step ends, and allocate nothing later", function()
    local params = start()
    local opt = optim.Adam { params }
    local function step(i)
      core.scope(function()
        set_grads(params, i)
        opt:step()
        opt:zero_grad()
      end)
    end
    for i = 1, 3 do step(i) end
    local before = core.device.memory().device_allocs
    for i = 4, 10 do step(i) end
    assert.equal(before, core.device.memory().device_allocs)
    assert.is_false(opt.param_groups[1].state.exp_avg[1]:is_released())
  end)
end)

describe("clipping", function()
  it("does not scale a shared gradient twice", function()
    local a, b = core.randn({ 5 }):requires_grad_(), core.randn({ 5 }):requires_grad_()
    local g = core.empty({ 5 }):fill_(3)
    local y = a + b
    y:backward(g)
    local norm = optim.clip_grad_norm({ a, b }, 1)
    assert.near(math.sqrt(90), norm, 1e-5)
    for _, p in ipairs { a, b } do
      assert.near(3 / math.sqrt(90), p.grad:totable()[1], 1e-5)
    end
    assert.equal(3, g:totable()[1]) -- the caller's own tensor is untouched
  end)

  it("handles no gradients, NaN and infinity as PyTorch", function()
    local p = core.randn({ 2 }):requires_grad_()
    assert.equal(0, optim.clip_grad_norm({ p }, 1))
    assert.equal(0, optim.clip_grad_norm({}, 1))
    p:set_grad(core.tensor { 1, 0 / 0 })
    local norm = optim.clip_grad_norm({ p }, 1)
    assert.is_true(norm ~= norm)
    p:set_grad(core.tensor { 1, math.huge })
    assert.equal(math.huge, optim.clip_grad_norm({ p }, 1))
    local g = p.grad:totable()
    assert.equal(0, g[1])
    assert.is_true(g[2] ~= g[2])
    p:set_grad(core.tensor { 5, 0 / 0 })
    optim.clip_grad_value({ p }, 2)
    assert.equal(2, p.grad:totable()[1])
    assert.is_true(p.grad:totable()[2] ~= p.grad:totable()[2])
    p:set_grad(core.tensor { 3, 4 })
    assert.equal(5, optim.grad_norm { p })
    assert.equal(5, optim.clip_grad_norm({ p }, math.huge))
    assert.error_matches(function() optim.clip_grad_norm({ p }, -1) end, "want max_norm >= 0")
    assert.error_matches(function() optim.clip_grad_value({ p }, 0 / 0) end, "want a bound >= 0")
  end)
end)
