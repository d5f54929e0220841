-- Files of torch.save: an object with tensors in it, as zip (the form since PyTorch 1.6) or legacy.
local archive = require("vgg.core").archive
local pickle = require "vgg.torch.pickle"
local util = require "vgg.util"

local write = {}

local storages = { float32 = "FloatStorage", bfloat16 = "BFloat16Storage", int64 = "LongStorage",
  uint8 = "ByteStorage", float16 = "HalfStorage" }

local Writer = {}
Writer.__index = Writer

-- A writer collects the tensors of one file. options.dtype: what floating tensors are written as;
-- options.legacy: the form of before PyTorch 1.6.
function write.new(options)
  return setmetatable({ tensors = {}, dtype = options.dtype, legacy = options.legacy }, Writer)
end

-- What stands for a tensor in the object.
function Writer:tensor(t)
  local is_float = t.dtype == "float32" or t.dtype == "bfloat16"
  local stride, step = {}, 1
  for d = #t.shape, 1, -1 do
    stride[d] = step
    step = step * math.max(1, t.shape[d])
  end
  local key = tostring(#self.tensors)
  self.tensors[#self.tensors + 1] = t
  return pickle.tensor {
    shape = t.shape, stride = stride,
    storage = pickle.storage { key = key, elements = t.numel, legacy = self.legacy,
      type = storages[is_float and self.dtype or t.dtype] },
  }
end

-- An OrderedDict of tensors: names in their order, `prefix` in front of each.
function Writer:state_dict(tensors, names, prefix)
  local list = {}
  for i, name in ipairs(names) do
    list[i] = { (prefix or "") .. name, self:tensor(tensors[name]) }
  end
  return pickle.ordered(list)
end

local function count(n)
  local bytes = {}
  for i = 1, 8 do
    bytes[i] = string.char(n % 256)
    n = math.floor(n / 256)
  end
  return table.concat(bytes)
end

local function save_legacy(self, path, object)
  local keys = {}
  for i in ipairs(self.tensors) do keys[i] = tostring(i - 1) end
  local head = "\128\2\138\10\108\252\156\70\249\32\106\168\80\25." .. pickle.dumps(1001)
    .. pickle.dumps { protocol_version = 1001, little_endian = true,
      type_sizes = { short = 2, int = 4, long = 4 } }
    .. pickle.dumps(object) .. pickle.dumps(pickle.list(keys))
  local parts = { { name = "head", text = head } }
  for i, t in ipairs(self.tensors) do
    parts[#parts + 1] = { name = "count", text = count(t.numel) }
    parts[#parts + 1] = { name = keys[i], tensor = t }
  end
  return archive.raw(path, parts, "checkpoint", self.dtype)
end

-- Writes the file; `extra` is kept in the zip form under extra/vgg.meta, where PyTorch does not
-- look. true, or nil, message with the old file kept.
function Writer:save(path, object, extra)
  if self.legacy then return save_legacy(self, path, object) end
  local folder = util.basename(path):gsub("%.[^.]*$", ""):gsub("[^%w_.=-]", "_")
  if folder == "" or folder:find "^%.+$" then folder = "archive" end
  local parts = {
    { name = folder .. "/data.pkl", text = pickle.dumps(object) },
    { name = folder .. "/byteorder", text = "little" },
  }
  for i, t in ipairs(self.tensors) do
    parts[#parts + 1] = { name = ("%s/data/%d"):format(folder, i - 1), tensor = t }
  end
  if extra then parts[#parts + 1] = { name = folder .. "/extra/vgg.meta", text = extra } end
  parts[#parts + 1] = { name = folder .. "/version", text = "3\n" }
  return archive.zip(path, parts, "checkpoint", self.dtype)
end

return write
