-- A second backend behind the same operations, layers and Lua: a plugin with its own memory and
-- layout must agree with the CPU. And what the registry says when one cannot be used.
local core = require "vgg.core"
local nn = require "vgg.nn"
local check = require "tests.support.check"

local folder = os.getenv "VG_PLUGIN_PATH"
local host = os.getenv "VGGLUA"

local function file_exists(path)
  local f = io.open(path, "rb")
  if f then f:close() end
  return f ~= nil
end
local here = folder and file_exists(folder .. "/libvgglua_fake.so")

-- What a fresh process says to `core.device.open(name)`, with more environment.
local function ask(environment, name)
  local pipe = assert(io.popen(("%s %s -e 'print(select(2, pcall(require(\"vgg.core\").device.open,"
    .. " \"%s\")))' 2>&1"):format(environment, host, name)))
  local text = pipe:read "*a"
  pipe:close()
  return text
end

local function says(want, environment, name)
  local text = ask(environment, name)
  if not text:find(want, 1, true) then error(("want %s, got %s"):format(want, text), 2) end
end

local function build()
  core.manual_seed(3)
  return nn.Sequential {
    nn.Conv2d { 3, 6, kernel = 3, pad = 1 },
    nn.BatchNorm2d { 6 },
    nn.ReLU {},
    nn.Conv2d { 6, 8, kernel = 3, stride = 2, bias = false },
    nn.ReLU {},
    nn.MaxPool2d { 2 },
    nn.Flatten {},
    nn.Linear { 8, 4 },
  }
end

-- Losses and final parameters of a few steps of gradient descent.
local function train(device)
  local model = build():to(device)
  local x = check.random(1, { 5, 3, 6, 6 }):to(device)
  local target = core.tensor({ 0, 1, 2, 3, 1 }, "int64"):to(device)
  local losses = {}
  for step = 1, 4 do
    core.scope(function()
      local loss = model(x):cross_entropy(target)
      losses[step] = loss:item()
      loss:backward()
    end)
    core.no_grad(function()
      for _, p in ipairs(model:parameters()) do
        p:sub_(p.grad, 0.1)
        p:set_grad(nil)
      end
    end)
  end
  local parameters = {}
  for i, p in ipairs(model:parameters()) do parameters[i] = p:detach():cpu() end
  return losses, parameters
end

describe("plugin", function()
  local function test(name, needs, fn)
    if needs == "plugin" and not here then
      pending(name .. " (VG_PLUGIN_PATH has no libvgglua_fake.so)")
    elseif needs == "host" and not (here and host) then
      pending(name .. " (VGGLUA names no host program)")
    else
      it(name, fn)
    end
  end

  test("trains a small network as the CPU does", "plugin", function()
    local losses, parameters = train "cpu"
    local fake_losses, fake_parameters = train "fake"
    check.values(losses, fake_losses, 1e-5)
    for i, p in ipairs(parameters) do
      assert.is_true(fake_parameters[i]:allclose(p, { rtol = 1e-4, atol = 1e-5 }))
    end
    assert.is_true(losses[4] < losses[1])
  end)

  test("keeps its layout where operations know it and converts for others", "plugin", function()
    local x = check.random(2, { 2, 3, 4, 4 }):to "fake"
    local w = check.random(3, { 5, 3, 3, 3 }):to "fake"
    local y = x:conv2d { weight = w, pad = 1 }
    assert.equals("fake", y.device)
    assert.equals("fakeNHWC", y.layout)
    assert.equals("fakeNHWC", (y:relu() * 2 + y).layout)
    assert.equals("strided", y:reshape(2, -1).layout)
    local want = x:cpu():conv2d { weight = w:cpu(), pad = 1 }
    assert.is_true((y:relu() * 2 + y):cpu():allclose(want:relu() * 2 + want, { atol = 1e-5 }))
    assert.is_true(y:sum { 1, 3 }:cpu():allclose(want:sum { 1, 3 }, { atol = 1e-4 }))
    assert.equals(0, y:stats().nan) -- the poisoned padding is never seen
  end)

  test("names the operations it does not have", "plugin", function()
    local x = core.ones(2, 3):to "fake"
    check.raises("topk: not implemented by backend 'fake'", function() x:topk(1) end)
    check.raises("gather: not implemented by backend 'fake'",
      function() x:gather(1, core.zeros({ 1, 3 }, "int64"):to "fake") end)
    check.raises("add: tensors on fake and cpu", function() return x + core.ones(2, 3) end)
  end)

  test("sends gradients from device to device", "plugin", function()
    local x = core.ones(3):requires_grad_();
    (x * 2):to("fake"):exp():sum():cpu():backward()
    assert.equals("cpu", x.grad.device)
    check.values({ 14.7781122, 14.7781122, 14.7781122 }, x.grad)
  end)

  test("leaves nothing behind on its device", "plugin", function()
    train "fake"
    collectgarbage()
    collectgarbage()
    assert.equals(0, core.device.memory("fake").blocks)
  end)

  test("says why a plugin cannot be used", "host", function()
    local text = ask("VG_FAKE=abi", "fake")
    local other, ours = text:match("^device: fake asked for, plugin .-/libvgglua_fake.so has ABI "
      .. "(%d+), this vgglua wants (%d+); rebuild it")
    assert.equals(tonumber(ours) + 1, tonumber(other))
    says("libvgglua_fake.so cannot start: no fake hardware in this machine", "VG_FAKE=fail", "fake")
    says("libvgglua_fake.so found, but it sees no device", "VG_FAKE=nodevice", "fake")
    says("device: fake:1 asked for, 1 present (fake:0)", "VG_FAKE=", "fake:1")
    says("device: none asked for, ", "", "none")
    says("device: unknown device 'Fake'", "", "Fake")
    says("device: 'fake:x' has no number after the colon", "", "fake:x")
  end)

  test("says what cuda needs", "host", function()
    local text = ask("VG_PLUGIN_PATH=/nowhere", "cuda")
    assert.is_truthy(text:find("device: cuda asked for, ", 1, true))
    assert.is_truthy(text:find("no GPU plugin (libvgglua_cuda.so) in /nowhere", 1, true)
      or text:find("libvgglua_cuda.so: cannot open", 1, true))
    assert.is_truthy(ask("VG_PLUGIN_PATH=/nowhere", "auto"):find("cpu", 1, true))
  end)
end)
