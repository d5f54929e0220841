-- Looking inside a model, and pictures in the terminal.
local vgg = require "vgg"
local nn = vgg.nn
local probe = require "vgg.probe"

describe("a probe", function()
  it("holds what the layer gave last, and its gradient", function()
    vgg.scope(function()
      local model = nn.Sequential { nn.Flatten {}, nn.Linear { 12, 10 }, nn.ReLU {},
        nn.Linear { 10, 10 } }
      local x = vgg.randn({ 2, 3, 2, 2 })
      local p = probe(model, "2")
      assert.is_nil(p.act)
      local y = model(x)
      assert.is_true(p.act:equal(model:get("1")(x:flatten(2)):relu()))
      assert.matches("^probe 2  ReLU\nTensor 2x10 float32 cpu .*%% zero$", tostring(p))
      local g = p.grad { x, target = "dog" }
      assert.same({ 2, 10 }, g.shape)
      -- by hand: (softmax - onehot) W / n
      local z = y:softmax(-1):detach()
      local hot = vgg.zeros({ 2, 10 })
      hot:narrow(2, 6, 1):fill_(1)
      local want = ((z - hot) / 2):matmul(model:get("3").weight:detach())
      assert.is_true(g:allclose(want, { atol = 1e-6 }))
      for _, q in model:named_parameters() do
        assert.is_true(q.requires_grad)
        assert.is_nil(q.grad)
      end
      local kept = p.act
      p:remove()
      model(vgg.randn({ 2, 3, 2, 2 }))
      assert.equal(kept, p.act)
      kept:free()
      assert.has_error(function() p:grad { x, target = "dgo" } end)
      assert.has_error(function() probe(model, "9") end)
      g:free()
    end)
  end)
end)

describe("channel statistics", function()
  it("are those of each channel, and name the dead", function()
    vgg.scope(function()
      local model = nn.Sequential { nn.Conv2d { 3, 4, kernel = 1 }, nn.ReLU {} }
      vgg.no_grad(function() model[1].bias:narrow(1, 3, 1):fill_(-100) end)
      local p = probe(model, "1")
      assert.has_error(function() p:stats() end)
      model(vgg.randn({ 5, 3, 6, 6 }))
      local stats = p:stats()
      assert.equal(4, #stats)
      for c = 1, 4 do
        local want = p.act:narrow(2, c, 1):clone():stats()
        assert.near(want.mean, stats[c].mean, 1e-12)
        assert.near(want.std, stats[c].std, 1e-12)
        assert.near(want.zeros / 180, stats[c].zeros, 1e-12)
      end
      assert.same({ 3 }, p:dead())
      assert.matches("4 channels of 180 values, 1 always 0", tostring(stats), 1, true)
      assert.matches(("channel %d largest"):format(stats:largest()), tostring(p), 1, true)
      p:remove()
      p.act:free()
    end)
  end)
end)

-- A model in which class 1 is the sum of one pixel's neighbourhood, and class 0 is nothing.
local function pixel_model(row, column)
  local model = nn.Sequential { nn.Flatten {}, nn.Linear { 3 * 64, 2 } }
  vgg.no_grad(function()
    model[2].weight:fill_(0)
    model[2].bias:fill_(0)
    for c = 0, 2 do
      model[2].weight:narrow(1, 2, 1):narrow(2, c * 64 + (row - 1) * 8 + column, 1):fill_(c + 1)
    end
  end)
  return model
end

describe("maps", function()
  it("of saliency are the gradient's size", function()
    vgg.scope(function()
      local model, x = pixel_model(3, 6), vgg.ones({ 3, 8, 8 })
      local map = probe.saliency(model, x)
      local want = vgg.zeros({ 8, 8 })
      want[3]:narrow(1, 6, 1):fill_(3)
      assert.is_true(map:equal(want))
      assert.same({ 2, 8, 8 }, probe.saliency(model, vgg.ones({ 2, 3, 8, 8 })).shape)
      map = probe.saliency(model, x, { target = 1, times_input = true })
      assert.equal(6, map[3][6]:item())
      map = probe.saliency(model, x, { samples = 3 })
      assert.near(3, map[3][6]:item(), 1e-6)
      assert.is_nil(model[2].weight.grad)
      assert.has_error(function() probe.saliency(model, x, { smaples = 3 }) end)
    end)
  end)

  it("of occlusion are the fall of the probability", function()
    vgg.scope(function()
      local model, x = pixel_model(3, 6), vgg.ones({ 3, 8, 8 })
      local map = probe.occlusion(model, x, { window = 2, stride = 2, value = 0 })
      local fall = 1 / (1 + math.exp(-6)) - 0.5
      for r = 1, 8 do
        for c = 1, 8 do
          local inside = r >= 3 and r <= 4 and c >= 5 and c <= 6
          assert.near(inside and fall or 0, map[r][c]:item(), 1e-6)
        end
      end
      local small = probe.occlusion(model, x, { window = 3, stride = 2, value = 0, batch_size = 2 })
      assert.is_true(small[3][6]:item() > 0)
      assert.has_error(function() probe.occlusion(model, x, { window = 9 }) end)
    end)
  end)
end)

describe("the strongest images of a channel", function()
  it("are those with the largest activations", function()
    vgg.scope(function()
      local set = vgg.data.synthetic { split = "test", train_images = 100, test_images = 70 }
      local model = nn.Sequential { nn.Conv2d { 3, 4, kernel = 3 }, nn.ReLU {} }
      local top = probe.top_images(model, "1", 2, set, { count = 5 })
      assert.equal(5, #top)
      local all = {}
      for i = 1, #set do
        all[i] = { i, model(set[i]:unsqueeze(1)):narrow(2, 2, 1):amax():item() }
      end
      table.sort(all, function(a, b) return a[2] > b[2] end)
      for i = 1, 5 do
        assert.near(all[i][2], top[i].value, 1e-5)
        assert.equal(all[i][1], top[i].index)
        assert.is_true(top[i].image:allclose(set[all[i][1]]))
        assert.equal(set:label(all[i][1]), top[i].label)
      end
      assert.matches("1 channel 2, the strongest of 70 images", tostring(top), 1, true)
      assert.equal("\137PNG", top:figure():png():sub(1, 4))
      for _, entry in ipairs(top) do entry.image:free() end
      assert.has_error(function() probe.top_images(model, "1", 5, set) end)
    end)
  end)
end)
