-- Where this run makes its tensors (VGG_TEST_DEVICE, see tests/run.lua), for the few tests that are
-- about the CPU's own ways.
local device = { name = os.getenv "VGG_TEST_DEVICE" or "cpu" }
device.is_cpu = device.name == "cpu"

return device
