-- What the specs about a norm, ReLU and pooling in one pass share.
local core = require "vgg.core"
local vgg = require "vgg"
local nn = vgg.nn

local pooled = {}

-- The weights of a convolution that changes nothing.
function pooled.identity(channels)
  local w = core.zeros { channels, channels + 1 }
  w:narrow(2, 1, 1):fill_(1)
  return w:reshape(channels * (channels + 1)):narrow(1, 1, channels * channels)
    :reshape(channels, channels, 1, 1)
end

-- An activation as convolutions leave it, of the values of t (those the precision holds): a norm
-- may find the sums that the convolution left, or (touched) not.
function pooled.activation(t, touched, precision)
  local weight = pooled.identity(t.shape[2])
  local y = core.autocast(precision or "bf16", t.conv2d, t, { weight = weight })
  return (touched and y * 1 or y):detach()
end

-- A norm with unlike parameters; shift: added to all of its results.
function pooled.norm(channels, shift)
  local norm = nn.BatchNorm2d { channels }
  core.no_grad(function()
    norm.weight:copy_(core.randn { channels })
    norm.bias:copy_(core.randn { channels } * 0.3 + (shift or 0))
    norm.running_mean:copy_(core.randn { channels } * 0.2)
    norm.running_var:copy_(core.randn({ channels }):square() + 0.5)
  end)
  return norm
end

function pooled.copy(norm)
  local copy = nn.BatchNorm2d { norm.running_mean.shape[1], affine = #norm:parameters() > 0 }
  copy:load_state_dict(norm:state_dict())
  copy:train(norm.training)
  for name, p in norm:named_parameters() do copy:get(name):requires_grad_(p.requires_grad) end
  return copy
end

-- The calls of an operation while fn runs, by its name.
function pooled.calls_in(fn)
  local calls = {}
  core.profile.start()
  local ok, why = pcall(fn)
  local rows = core.profile.rows()
  core.profile.stop()
  if not ok then error(why, 0) end
  for _, r in ipairs(rows) do calls[r.op] = (calls[r.op] or 0) + r.calls end
  return calls
end

-- The tensors that a step leaves, by name: forward(x) is run on x, which wants a gradient or not.
function pooled.left_by(norm, x, cotangent, wants, forward)
  local leaf = x:detach()
  if wants then leaf:requires_grad_() end
  local y = forward(leaf)
  if y.requires_grad then y:backward(cotangent) end
  local found = { y = y, x = leaf.grad }
  for name, p in norm:named_parameters() do found[name] = p.grad end
  for name, b in norm:named_buffers() do found[name] = b end
  return found
end

return pooled
