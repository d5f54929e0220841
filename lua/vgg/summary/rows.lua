-- What a forward pass does, layer by layer in the order of the calls: shapes, parameters, MACs, and
-- whether a gradient arrives. Played on the device "plan", so no batch is too large.
local core = require "vgg.core"
local plan = require "vgg.summary.plan"

local rows = {}

local function kernel_of(module)
  if module.__name == "Conv2d" then
    local s = module.weight.shape
    return { s[3], s[4] }
  end
  return rawget(module, "kernel") or nil
end

-- A row for one call (or, without a call, for a container that never runs itself).
local function new_row(node)
  local module = node.module
  local all, trained, bytes = 0, 0, 0
  for _, p in module:named_parameters() do
    all, bytes = all + p.numel, bytes + 4 * p.numel
    if p.requires_grad then trained = trained + p.numel end
  end
  return { name = node.name, type = module.__name, depth = node.depth, module = module, node = node,
    leaf = #module._order == 0, params = all, trained = trained, param_bytes = bytes, macs = 0,
    kernel = kernel_of(module) }
end

-- Every place in the tree, parents first; a module that stands in two places keeps the last.
local function nodes_of(model)
  local list, by_module = {}, {}
  local function visit(module, name, depth, parent)
    local node = { module = module, name = name, depth = depth, parent = parent }
    list[#list + 1], by_module[module] = node, node
    for _, key in ipairs(module._order) do
      visit(module._modules[key], name == "" and key or name .. "." .. key, depth + 1, node)
    end
  end
  visit(model, "", 0, nil)
  return list, by_module
end

local function shape_of(value) return type(value) == "userdata" and value.shape or nil end

local function groups_of(row)
  if row.type ~= "Conv2d" or not row.input then return nil end
  return row.input[2] / row.module.weight.shape[2]
end

-- Hooks that write a row a call; returns the rows and the handles.
local function listen(model)
  local list, handles, open = {}, {}, {}
  local _, by_module = nodes_of(model)
  for module, node in pairs(by_module) do
    handles[#handles + 1] = module:register_forward_pre_hook(function(_, x)
      local row = new_row(node)
      row.input, row.before = shape_of(x), core.device.macs("plan")
      list[#list + 1], open[#open + 1] = row, row
    end)
    handles[#handles + 1] = module:register_forward_hook(function(_, _, y)
      local row = table.remove(open)
      row.output, row.groups = shape_of(y), groups_of(row)
      row.macs = core.device.macs("plan") - row.before
    end)
  end
  return list, handles
end

-- Containers that hold others but are never called get a row before their first child.
local function with_containers(list)
  local out, current = {}, {}
  for _, row in ipairs(list) do
    local chain, node = {}, row.node.parent
    while node and node.depth > 0 do chain[node.depth], node = node, node.parent end
    for d = 1, row.depth - 1 do
      if not (current[d] and current[d].node == chain[d]) then
        current[d] = new_row(chain[d])
        out[#out + 1] = current[d]
      end
    end
    out[#out + 1], current[row.depth] = row, row
    for d = row.depth + 1, #current do current[d] = nil end
  end
  return out
end

-- Numbers rows by depth, marks what was seen before.
local function number(list)
  local index, seen = {}, {}
  for _, row in ipairs(list) do
    index[row.depth] = (index[row.depth] or 0) + 1
    row.index, row.recursive = index[row.depth], seen[row.module] or false
    seen[row.module] = true
  end
  return list
end

-- Parameters that want a gradient and got none, by the module that owns them.
local function unreached(model)
  local list, names = {}, {}
  for name, p in model:named_parameters() do
    local layer = name:match "^(.*)%.[^.]*$" or ""
    if p.requires_grad and not p.grad then
      if not names[layer] then list[#list + 1] = { name = layer, params = 0 } end
      names[layer] = names[layer] or list[#list]
      names[layer].params = names[layer].params + p.numel
    end
  end
  return list
end

-- collect(model, { batch_size =, input = }) -> rows, layers without gradient.
function rows.collect(model, o)
  return unpack(plan.on(model, function()
    model:train()
    local list, handles = listen(model)
    local ok, why = pcall(core.scope, function()
      local y = model(core.empty({ o.batch_size, unpack(o.input) }, "float32", "plan"))
      if type(y) == "userdata" and y.requires_grad then y:sum():backward() end
    end)
    for _, handle in ipairs(handles) do handle.remove() end
    if not ok then error(why, 0) end
    return { number(with_containers(list)), unreached(model) }
  end))
end

return rows
