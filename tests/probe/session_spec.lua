-- A session of looking into VGG-16-BN, through a pipe: what is typed, and what comes back.
local process = require "tests.support.process"

local function play(entries)
  local typed, wanted = {}, {}
  for i, e in ipairs(entries) do typed[i], wanted[i] = e[1], e[2] or false end
  local marked = {}
  for i, text in ipairs(typed) do marked[i] = text .. "\nio.write('\\1');" end
  local r = process.run({ "-i" }, { stdin = table.concat(marked, "\n") .. "\n",
    env = "VGG_GRAPHICS= NO_COLOR=1" })
  local i = 0
  for part in r.out:gmatch "([^\1]*)\1" do
    i = i + 1
    if wanted[i] then assert.matches(wanted[i], part, 1, false) end
  end
  assert.equal(#typed, i, r.err)
  return r
end

describe("a session", function()
  it("loads a model, looks at an image, a layer, gradients, and finds what is wrong", function()
    local r = play {
      { 'm = vgg.models.vgg16_bn { head = "small" }:eval();' },
      { "m", "^VGG16BN  14,728,266 parameters  eval  cpu\n" },
      { 'd = vgg.data.synthetic { split = "val", train_images = 200, test_images = 20 }' },
      { "d", "^20 images of 200 %(seed 42%)\n" },
      { "x, y = d:batch(17, 1)" },
      { "x", "^Tensor 1x3x32x32 float32 cpu   min %-?[%d.]+ max [%d.]+ mean %-?[%d.]+ std" },
      { "m(x):softmax():top(3)", "^%a+ 0%.%d%d   %a+ 0%.%d%d   %a+ 0%.%d%d\n$" },
      { 'p = probe(m, "features.7")' },
      { "p", "^probe features.7  Conv2d 64 %-> 128, kernel 3, pad 1   no forward yet\n$" },
      { "m(x); p.act", "^Tensor 1x128x16x16 float32 cpu   min" },
      { "p", "channel %d+ largest %(mean" },
      { 'p.grad { x, target = "dog" }', "^Tensor 1x128x16x16 float32 cpu   min" },
      { "p:stats()", "^features.7: 128 channels of 256 values, 0 always 0; by mean:\n" },
      { "p:remove()" },
      { "show(x[1])", "^[ .:=+*#%%@-]+\n" },
      { "for i = 1, 3 do\n  print(i, m.features[1].weight.ndim)\nend", "^1\t4\n2\t4\n3\t4\n$" },
      { "m.features[1].wieght" },
      { 'p.grad { x, target = "dgo" }' },
      { "m(x[1])" },
      { "?vgg.probe.occlusion", "^vgg.probe.occlusion%(model, x, options%)" },
      { "?Tensor:top", "Tensor:top%(k, classes%)" },
      { ":time 1 + 1", "^[%d.]+ us   median of %d+" },
      { "vgg.no_grad(function() m.features[9].weight:fill_(0); m.features[9].bias:fill_(-1) end)" },
      { "t = m:trace(x)" },
      { "t:flagged()[1].name, t:flagged()[1].flag", '^"features.8"   "constant"' },
      { "t:flagged()[2].name, t:flagged()[2].flag", '^"features.9"   "dead"' },
      { "t", "features.9 +ReLU +1x128x16x16 +0 +0 +100 %% .*dead: every output is 0\n" },
      { "summary(m, { depth = 0, batch_size = 4 }).macs", "^31%d%d%d%d%d%d%d\n" },
    }
    assert.matches("no field 'wieght' in Conv2d (did you mean 'weight'?)", r.err, 1, true)
    assert.matches("probe: no class 'dgo' (did you mean 'dog'?)", r.err, 1, true)
    assert.matches("features.0 (Conv2d 3 -> 64): conv2d: want NCHW, got 3x32x32", r.err, 1, true)
    local _, errors = r.err:gsub("error: ", "")
    assert.equal(3, errors, r.err)
  end)
end)
