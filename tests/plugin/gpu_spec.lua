-- What vgglua says when a GPU is asked for and cannot be had, and what `auto` does then. Stand-ins
-- play plugin, driver and GPU.
local process = require "tests.support.process"

local fake = os.getenv "VG_PLUGIN_PATH" -- of tests/plugin/fake_backend.c
local driver = os.getenv "VGGLUA_FAKE_DRIVER" -- folder of a libcuda.so.1
local emulated = os.getenv "VGGLUA_EMULATED" -- folder of the GPU plugin with stand-ins
local has_driver = pcall(require("ffi").load, "libcuda.so.1")

local function exists(path)
  local f = path and io.open(path, "rb")
  if f then f:close() end
  return f ~= nil
end

local function environment(folder, with_driver, more)
  local words = { "VG_PLUGIN_PATH=" .. folder, "VGG_CUDA_PLANS=", more }
  if with_driver then words[#words + 1] = "LD_LIBRARY_PATH=" .. driver end
  return table.concat(words, " ")
end

-- The same by a script's --device flag: exit code and text.
local function train(env, device, ...)
  return process.run({ "experiments/finetune.lua", "--data", "synthetic", "--train-images", "20",
    "--test-images", "20", "--batch-size", "2", "--model", "cifar10net", "--fast-dev-run",
    "--device", device, ... }, { env = env })
end

local function open(env, device)
  return process.run({ "-e", "print(require('vgg.core').device.open '" .. device .. "')" },
    { env = env })
end

local function says(want, result)
  local text = result.out .. result.err
  if not text:find(want, 1, true) then error(("want %s, got %s"):format(want, text), 2) end
end

describe("a GPU", function()
  local folder, remove
  setup(function() folder, remove = process.directory() end)
  teardown(function() remove() end)

  local function test(name, ok, why, fn)
    if ok then it(name, fn) else pending(name .. " (" .. why .. ")") end
  end
  local built = exists((fake or "") .. "/libvgglua_fake.so") and exists((driver or "")
    .. "/libcuda.so.1")
  local why_not = "VG_PLUGIN_PATH and VGGLUA_FAKE_DRIVER name no stand-ins"

  -- A folder in which the fake plugin calls itself the GPU's.
  local function disguise()
    local path = folder .. "/disguised"
    os.execute("mkdir -p " .. path)
    os.execute("ln -sf \"$(realpath " .. fake .. "/libvgglua_fake.so)\" " .. path
      .. "/libvgglua_cuda.so")
    return path
  end

  it("without its plugin", function()
    local want = "device: cuda asked for, no GPU plugin (libvgglua_cuda.so) in /nowhere. Build it "
      .. "with the CUDA toolkit, or --device cpu"
    local r = train(environment "/nowhere", "cuda")
    assert.equals(5, r.code)
    says(want, r)
    if driver then says(want, open(environment("/nowhere", true), "cuda")) end
  end)

  test("without the driver", not has_driver, "this machine has one", function()
    process.write(folder .. "/libvgglua_cuda.so", "")
    local r = train(environment(folder), "cuda:1")
    assert.equals(5, r.code)
    says("device: cuda asked for, plugin found, but no NVIDIA driver (libcuda.so.1)", r)
  end)

  test("whose plugin is of another version", built, why_not, function()
    local r = train(environment(disguise(), true, "VG_FAKE=abi"), "cuda")
    assert.equals(5, r.code)
    says("device: cuda asked for, plugin " .. disguise() .. "/libvgglua_cuda.so has ABI ", r)
    says("; rebuild it", r)
  end)

  test("that is not there", built, why_not, function()
    local r = train(environment(disguise(), true, "VG_FAKE=nodevice"), "cuda")
    assert.equals(5, r.code)
    says("libvgglua_cuda.so found, but it sees no GPU", r)
  end)

  test("with a number beyond the last", built, why_not, function()
    local r = train(environment(disguise(), true), "cuda:3")
    assert.equals(5, r.code)
    says("device: GPU 3 asked for, 1 GPU present (cuda:0)", r)
  end)

  test("that the plugin itself cannot find", exists((emulated or "") .. "/libvgglua_cuda.so"),
    "the emulated plugin was not built", function()
      local r = train(environment(emulated, true, "VG_SHIM_DEVICES=0"), "cuda")
      assert.equals(5, r.code)
      says("libvgglua_cuda.so cannot start: cuda: cudaGetDeviceCount: no CUDA-capable device is "
        .. "detected", r)
      says("device: GPU 2 asked for, 2 GPUs present (cuda:0 to cuda:1)",
        open(environment(emulated, true, "VG_SHIM_DEVICES=2"), "cuda:2"))
    end)

  it("is not needed: auto says in one line that it is the CPU", function()
    local r = train(environment "/nowhere", "auto")
    assert.equals(0, r.code)
    local text, count = r.out .. r.err, 0
    for _ in text:gmatch "device: auto is the CPU %(no GPU plugin" do count = count + 1 end
    assert.equals(1, count)
    says("device  cpu", r)
  end)

  it("links nothing into the program", function()
    local r = process.shell("ldd " .. process.vgglua)
    assert.is_nil(r.out:lower():find "cud" or r.out:lower():find "cublas")
  end)
end)
