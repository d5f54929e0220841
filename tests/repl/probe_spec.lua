-- Looking inside a model, and pictures in the terminal.
local vgg = require "vgg"
local nn = vgg.nn
local probe = require "vgg.probe"
local show = require "vgg.show"

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

describe("show", function()
  it("draws two rows a line", function()
    vgg.scope(function()
      local x = vgg.tensor { { 0, 1 }, { 1, 0 }, { 0, 1 } }
      assert.equal(" @\n @", show.picture(x, {}))
      assert.equal("\27[38;2;0;0;0m\27[48;2;255;255;255m\226\150\128" ..
        "\27[38;2;255;255;255m\27[48;2;0;0;0m\226\150\128\27[0m",
        show.picture(x:narrow(1, 1, 2), { colour = true }))
      assert.has_error(function() show.picture(vgg.zeros({ 2, 3, 4 }), {}) end)
    end)
  end)
end)
