-- Stand-ins for model, optimizer, loader and metric whose numbers are written down beforehand, so
-- that the trainer's own behaviour can be checked without any arithmetic.
local core = require "vgg.core"

local fake = {}

local Loss = {}
Loss.__index = Loss
Loss.__div = function(loss, k)
  return setmetatable({ value = loss.value / k, task = loss.task }, Loss)
end
function Loss:item() return self.value end
function Loss:backward() self.task.backwards[#self.task.backwards + 1] = self.value end

function fake.loss(task, value) return setmetatable({ value = value, task = task }, Loss) end

-- A loader of batches with the given sizes; x is { k = batch, epoch = }.
function fake.loader(sizes)
  local loader = { seen = {} }
  function loader.len() return #sizes end
  function loader.size_of(_, k) return sizes[k] end
  function loader.get(_, k, epoch)
    loader.seen[#loader.seen + 1] = { epoch, k }
    return { k = k, epoch = epoch }, { shape = { sizes[k] } }
  end
  return loader
end

local weight = core.tensor({ 0, 0 }):keep() -- one for all, so that no test leaves tensors behind

function fake.model()
  local model = setmetatable({ __name = "Fake", training = true }, {})
  function model.state_dict() return { weight = weight } end
  function model.parameters() return { { numel = 2, requires_grad = true } } end
  function model.named_parameters() return pairs {} end
  function model.named_modules() return pairs {} end
  function model:train() self.training = true end
  function model:eval() self.training = false end
  return model
end

function fake.optimizer(lr)
  local o = { name = "Adam", param_groups = { { lr = lr or 0.1 } }, steps = 0 }
  function o:step() self.steps = self.steps + 1 end
  function o.zero_grad() end
  function o:state_dict() return { steps = self.steps } end
  function o:load_state_dict(s) self.steps = s.steps end
  return o
end

-- A metric whose value in the nth pass is written down: values = { { 0.5, 0.7 }, by stage }.
local Metric = { higher_is_better = true }
Metric.__index = Metric
function Metric:clone()
  return setmetatable({ shared = self.shared }, Metric)
end
function Metric:reset() self.updates = 0 end
function Metric:update() self.updates = self.updates + 1 end
function Metric:compute() return self.shared.now end
function Metric:state() return { updates = self.updates } end
function Metric:load_state(s) self.updates = s.updates end
function fake.metric() return setmetatable({ shared = { now = 0 } }, Metric) end

-- A task whose losses come from functions of (epoch from 1, batch).
function fake.task(o)
  o = o or {}
  local task = { model = fake.model(), optimizer = fake.optimizer(o.lr), backwards = {},
    norms = {}, loss = function() end }
  task.acc = fake.metric()
  task.metrics = { acc = task.acc }
  function task:training_step(x)
    local v = o.train and o.train(x.epoch + 1, x.k) or 1
    return fake.loss(self, v)
  end
  function task:validation_step(x)
    return fake.loss(self, o.valid and o.valid(self.validations, x.k) or 1)
  end
  function task:on_validation_epoch_start()
    self.validations = (self.validations or 0) + 1
    self.acc.shared.now = o.acc and o.acc(self.validations) or 0.5
  end
  function task.clip_gradients() return o.norm and o.norm() or 1 end
  return task
end

-- A directory of its own for a test's runs, removed afterwards; in memory where that is possible.
function fake.directory()
  local f = assert(io.popen "mktemp -d -p /dev/shm 2>/dev/null || mktemp -d")
  local dir = f:read "*l"
  f:close()
  return dir
end

function fake.remove(dir) os.execute("rm -rf '" .. dir .. "'") end

function fake.rows(path)
  local json, rows = require "vgg.json", {}
  for line in io.lines(path) do rows[#rows + 1] = assert(json.decode(line)) end
  return rows
end

return fake
