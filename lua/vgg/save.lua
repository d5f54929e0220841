-- save(what, path): a model, or a table of tensors by name, as the ending of the path says:
-- .safetensors; .pth or .pt (torch.save's zip form, which torch.load(weights_only=True) takes);
-- .ckpt (a Lightning checkpoint). vgg.load and vgg.load_state read all of them back.
local checkpoint = require "vgg.checkpoint"
local json = require "vgg.json"
local lightning = require "vgg.torch.lightning"
local util = require "vgg.util"
local write = require "vgg.torch.write"

local known = { prefix = true, dtype = true, legacy = true, optimizer = true, epoch = true,
  global_step = true, hyper_parameters = true, meta = true, names = true }
local dtypes = { f32 = "float32", float32 = "float32", f16 = "float16", float16 = "float16",
  bf16 = "bfloat16", bfloat16 = "bfloat16" }

-- tensors, names in PyTorch's order, configuration of the model
local function contents(what, options)
  if type(what) == "table" and what.state_dict then
    local tensors, names = what:state_dict()
    return tensors, names, what.config and what:config()
  end
  if type(what) ~= "table" then error("save: want a model or a table of tensors", 3) end
  local names = options.names or util.keys(what)
  for _, name in ipairs(names) do
    if type(what[name]) ~= "userdata" then
      error(("save: '%s' is not a tensor"):format(name), 3)
    end
  end
  return what, names
end

local function prefixed(tensors, names, prefix)
  local out = {}
  for _, name in ipairs(names) do out[prefix .. name] = tensors[name] end
  return out
end

local function dtype_of(options)
  if options.dtype == nil then return nil end
  return dtypes[options.dtype] or error(("save: dtype is f32, f16 or bf16, got '%s'"):format(
    tostring(options.dtype)), 3)
end

local function optimizer_of(options)
  local o = options.optimizer
  return o and (o.param_groups and o:state_dict() or o)
end

-- options: prefix (in front of every name; .ckpt: "model."), dtype ("f32", "f16", "bf16" for
-- floating tensors), legacy = true (.pth of before PyTorch 1.6), meta (kept for vgg.load), and for
-- .ckpt optimizer (the object or its state dict), epoch, global_step, hyper_parameters.
return function(what, path, options)
  options = options or {}
  util.check_options("save", options, known)
  local tensors, names, config = contents(what, options)
  local meta = options.meta or (config and { config = { model = config } } or {})
  local dtype, prefix = dtype_of(options), options.prefix
  if dtype and options.optimizer then
    error("save: dtype is for weights alone, without an optimizer", 2)
  end
  local extension = path:match "%.([^./]+)$"
  local ok, why
  if extension == "safetensors" then
    ok, why = checkpoint.save(path, { tensors = prefixed(tensors, names, prefix or ""),
      meta = meta }, { dtype = dtype })
  elseif extension == "pth" or extension == "pt" or extension == "ckpt" then
    local writer = write.new { dtype = dtype, legacy = options.legacy }
    local object
    if extension == "ckpt" then
      object = lightning.object(writer, { tensors = tensors, names = names, prefix = prefix,
        optimizer = optimizer_of(options), epoch = options.epoch,
        global_step = options.global_step, hyper_parameters = options.hyper_parameters })
    else
      object = writer:state_dict(tensors, names, prefix)
    end
    ok, why = writer:save(path, object, next(meta) and json.encode(meta) or nil)
  else
    util.fail("usage", "save: '%s' should end in .safetensors, .pth, .pt or .ckpt", path)
  end
  if not ok then util.fail("data", "%s", why) end
  return path
end
