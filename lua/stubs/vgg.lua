---@meta
-- What `require "vgg"` offers beside its larger parts, for ?name and for editors.

---The library. Parts: nn, optim, data, metric, models, train, callbacks, plot, checkpoint,
---functional, cli, util. Each is loaded when it is first used.
vgg = {}

---Layers and containers: nn.Conv2d { 3, 64, kernel = 3 }, nn.Sequential { ... }.
vgg.nn = {}

---Optimisers: Adam, AdamW, SGD; schedules in optim.schedule; gradient clipping.
vgg.optim = {}

---Data sets, augmentation, loaders: data.cifar10 {}, data.synthetic {}, data.CIFAR10DataModule.
vgg.data = {}

---Metrics equal to torchmetrics: metric.Accuracy { num_classes = 10 }, ...
vgg.metric = {}

---Models by name: models.vgg16_bn {}, models.cifar10net {}.
vgg.models = {}

---Trainer, and what experiments share: flags, data, runs.
vgg.train = {}

---Loggers of a run, several at once: log.open, log.Image(tensor, { caption = }). From a hook:
---trainer.loggers:log_images { key =, images =, epoch = }, or trainer:logger "tensorboard" alone.
vgg.log = {}

---Reading and writing checkpoints: load, save, inspect, verify.
vgg.checkpoint = {}

---Pretrained weights in PyTorch's cache: hub.fetch "vgg16_bn", hub.find, hub.set_dir, hub.get_dir.
vgg.hub = {}

---Path of checked weights, from a cache or by download: a name of hub.known, or a URL.
---@param options table url: mirror; progress: true; timeout, retries, backoff: of the server
---@return string path, boolean downloaded
function vgg.hub.fetch(what, options) end

---Path of weights that a cache already holds, or nil; downloads nothing.
function vgg.hub.find(what) end

---The tensors of weights by name, fetched where needed.
function vgg.hub.load_state_dict(what, options) end

---Directory that holds checkpoints/<file>, as torch.hub.set_dir; nil: back to the environment's.
function vgg.hub.set_dir(dir) end

---What set_dir was told, else $TORCH_HOME/hub, else $XDG_CACHE_HOME/torch/hub, else
---~/.cache/torch/hub.
function vgg.hub.get_dir() end

---Operations as functions: functional.relu(x).
vgg.functional = {}

---From a number or nested tables: vgg.tensor { { 1, 2 }, { 3, 4 } }.
---@return Tensor
function vgg.tensor(values, dtype, device) end

---Contents undefined.
---@return Tensor
function vgg.empty(shape, dtype, device) end

---Filled with 0. After the shape, in any order: a dtype and a device.
---@return Tensor
function vgg.zeros(shape, ...) end

---Filled with 1. After the shape, in any order: a dtype and a device.
---@return Tensor
function vgg.ones(shape, ...) end

---Filled with value. After the shape, in any order: a dtype and a device.
---@return Tensor
function vgg.full(shape, value, ...) end

---Shape, dtype and device of x.
---@return Tensor
function vgg.zeros_like(x, ...) end

---Shape, dtype and device of x.
---@return Tensor
function vgg.ones_like(x, ...) end

---Shape, dtype and device of x.
---@return Tensor
function vgg.full_like(x, value, ...) end

---start (0), start + step (1), ... below stop; int64 when all are whole.
---@return Tensor
function vgg.arange(start, stop, step) end

---The n x n identity.
---@return Tensor
function vgg.eye(n, ...) end

---Uniform in 0 .. 1.
---@return Tensor
function vgg.rand(shape, dtype, device) end

---Normal distribution.
---@return Tensor
function vgg.randn(shape, dtype, device) end

---Whole numbers from low up to, not including, high (int64).
---@return Tensor
function vgg.randint(low, high, shape, device) end

---0 .. n - 1 in random order (int64).
---@return Tensor
function vgg.randperm(n) end

---From row-major bytes, as tobytes gives them.
---@return Tensor
function vgg.from_bytes(bytes, shape, dtype) end

---Joins tensors along a dimension (1).
---@return Tensor
function vgg.cat(tensors, dim) end

---Joins tensors along a new dimension (1).
---@return Tensor
function vgg.stack(tensors, dim) end

---a where the condition is not 0, else b.
---@return Tensor
function vgg.where(condition, a, b) end

---Calls fn(...) without recording anything for gradients.
---@return ...
function vgg.no_grad(fn, ...) end

---Whether operations are recorded.
---@return boolean
function vgg.is_grad_enabled() end

---Calls fn(...); tensors made inside are released at its end, but for what it returns
---or keeps with tensor:keep().
---@return ...
function vgg.scope(fn, ...) end

---Where tensors and layers are made from now on when no device is named: "cpu", "cuda", "cuda:1".
function vgg.set_default_device(name) end

---The name of that device.
---@return string
function vgg.get_default_device() end

---Starts all random operations anew from seed.
function vgg.manual_seed(seed) end

---Seed and position of the random operations.
---@return number, number
function vgg.rng_state() end

---Goes back to a position.
function vgg.set_rng_state(seed, position) end

---Pins the kernels: nothing is chosen by timing.
function vgg.set_deterministic(on) end

---Between constant_weights(true) and constant_weights(false), which nest, convolutions keep what
---they compute from their weights. A change in place is noticed.
function vgg.constant_weights(on) end

---Calls fn(...) with convolutions and linear layers computed in "bf16" (bf16-mixed: their inputs
---and what they give are bfloat16; weights, statistics and losses stay float32) or "f32".
function vgg.autocast(precision, fn, ...) end

---The model of a checkpoint (a run, .safetensors, .pth, .pt, .ckpt), rebuilt from the file alone.
---@option model nil a model to fill instead
---@option strict true false leaves what does not fit alone; its names are the third result
---@return Module, meta
function vgg.load(path, options) end

---The tensors of such a file by name, and what else it holds (meta, plain).
---@option all false also optimizer states and the like
---@option mmap false leave tensors in the file until they are touched; check sums are not compared
---@return tensors, rest
function vgg.load_state(path, options) end

---A model, or tensors by name, as .safetensors, .pth, .pt or Lightning's .ckpt.
---@option prefix nil in front of every name (.ckpt: "model.")
---@option dtype nil what floating tensors become: "f32", "f16", "bf16"
---@option legacy false .pth as PyTorch wrote it before 1.6
---@option optimizer nil kept in a .ckpt, with epoch, global_step, hyper_parameters
function vgg.save(model, path, options) end

---Seconds on a clock that never goes back.
---@return number
function vgg.clock() end

---Seconds since 1970.
---@return number
function vgg.wall_clock() end

---Opens a device ("auto", "cpu", "cuda:0") and gives its name.
---@return string
function vgg.device.open(name) end

---What it is: "cpu x2, avx2, oneDNN 2.6.3".
---@return string
function vgg.device.describe(name) end

---One line for every backend: built in, found, or why not.
---@return string
function vgg.device.report() end

---What multiplies bfloat16 on a device ("AMX"), or nil and "emulated" or "unsupported".
function vgg.device.bf16(name) end

---{ live, peak, cached, blocks, device_allocs, limit } in bytes.
---@return table
function vgg.device.memory(name) end

---{ blocks, bytes, system_calls, tensors } of the core.
---@return table
function vgg.device.host_memory() end

---Refuses tensors beyond bytes; collects garbage beyond soft_bytes; 0: none.
function vgg.device.set_memory_limit(bytes, soft_bytes, name) end

---Multiply-accumulates of convolutions and products that a device has counted; nil where nobody
---counts ("plan" does).
---@return number
function vgg.device.macs(name) end

---Starts the peak anew.
function vgg.device.reset_peak(name) end

---Gives unused memory back to the system.
function vgg.device.empty_cache(name) end

---Threads of the CPU backend; 0 for all.
function vgg.device.set_threads(n) end

---Waits until the device has done everything asked of it.
function vgg.device.synchronise(name) end

---Trees of layers: what nn makes, and what nn.class makes from a description.
---@class Module
---@field training whether it is in training mode
Module = {}
