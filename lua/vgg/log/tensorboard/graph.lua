-- The layers of a model as TensorBoard's GRAPHS tab shows them, recorded from one forward pass that
-- happens anyway. Edges follow the tensors that layers hand to each other; what reaches a layer
-- through other operations (a sum, a view) comes from all the outputs that nobody took before.
local core = require "vgg.core"

local graph = {}

local Recorder = {}
Recorder.__index = Recorder

-- "features.0", Conv2d -> "features/Conv2d_0"
local function node_name(path, module)
  local scope, last = path:gsub("%.", "/"):match "^(.-)([^/]*)$"
  return scope .. module.__name .. (last ~= "" and "_" .. last or "")
end

local function shape_of(x) return type(x) == "userdata" and x.shape or nil end

local function inputs_of(self, x)
  if self.made_by[x] then
    self.free[self.made_by[x]] = nil
    return { self.made_by[x] }
  end
  local list = {}
  for _, node in ipairs(self.nodes) do
    if self.free[node.name] then list[#list + 1] = node.name end
  end
  self.free = {}
  return list
end

local function add(self, node, y)
  self.nodes[#self.nodes + 1] = node
  self.made_by[y], self.free[node.name] = node.name, true
end

local function listen(self, path, module)
  local name = node_name(path, module)
  return module:register_forward_hook(function(_, x, y)
    if self.seen[module] or type(x) ~= "userdata" or type(y) ~= "userdata" then return end
    self.seen[module] = true
    local parameters = 0
    for _, p in module:named_parameters() do parameters = parameters + p.numel end
    local words, more = module:describe()
    add(self, { name = name, op = module.__name, inputs = inputs_of(self, x), shape = shape_of(y),
      parameters = parameters, words = more ~= "" and words .. ", " .. more or words }, y)
  end)
end

-- Listens to the leaves of a model whose next input is x.
function graph.listen(model, x)
  local self = setmetatable({ nodes = {}, made_by = {}, free = {}, seen = {}, handles = {} },
    Recorder)
  add(self, { name = "input", op = "Placeholder", inputs = {}, shape = shape_of(x) }, x)
  for path, module in model:named_modules() do
    if #module._order == 0 then self.handles[#self.handles + 1] = listen(self, path, module) end
  end
  return self
end

local function attribute(key, kind, value)
  return { 5, "message", { { 1, "string", key }, { 2, "message", { { kind == "message" and 1
    or kind == "int" and 3 or 2, kind, value } } } } }
end

local function shapes(shape)
  local dims = {}
  for i, n in ipairs(shape) do dims[i] = { 2, "message", { { 1, "int", n } } } end
  return { { 7, "message", dims } }
end

local function node_def(node)
  local fields = { { 1, "string", node.name }, { 2, "string", node.op } }
  for _, input in ipairs(node.inputs) do fields[#fields + 1] = { 3, "string", input } end
  if node.shape then fields[#fields + 1] = attribute("_output_shapes", "message",
    shapes(node.shape)) end
  if node.words then
    fields[#fields + 1] = attribute("layer", "string", node.words)
    fields[#fields + 1] = attribute("parameters", "int", node.parameters)
  end
  return { 1, "message", fields }
end

-- Stops listening; returns the GraphDef, or nil when no layer was heard.
function Recorder:finish()
  for _, handle in ipairs(self.handles) do handle.remove() end
  if #self.nodes < 2 then return nil end
  local message = {}
  for i, node in ipairs(self.nodes) do message[i] = node_def(node) end
  message[#message + 1] = { 4, "message", { { 1, "int", 22 } } }
  return core.log.protobuf(message)
end

return graph
