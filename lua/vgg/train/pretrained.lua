-- Starting from trained weights: loading them into a model whose head may be another, and what the
-- flags of an experiment say about it.
local checkpoint = require "vgg.checkpoint"
local fit = require "vgg.checkpoint.fit"
local normalization = require "vgg.data.normalization"
local runs = require "vgg.train.runs"
local util = require "vgg.util"

local pretrained = {}

-- Rows for train.flags { ..., unpack(train.finetuning) }.
pretrained.flags = {
  "Finetuning",
  { "pretrained", nil, "start from ImageNet weights, see vgglua fetch", type = "boolean" },
  { "weights", nil, "start from these instead: .pth, .ckpt, .safetensors, or a run" },
  { "freeze", nil, "parts that do not train, such as features", type = "list" },
  { "unfreeze_epoch", nil, "epoch from which they train as well", type = "int", min = 1 },
  { "lr_features", nil, "learning rate of the features, default --lr", type = "number", min = 0 },
}

-- The last child with parameters decides about classes; it is what a new task replaces.
local function head_of(model)
  local head
  for name, child in model:named_children() do
    if #child:parameters() > 0 then head = name end
  end
  return head
end

local function text(shape) return #shape == 0 and "scalar" or table.concat(shape, "x") end

local function below(name, head) return name:sub(1, #head + 1) == head .. "." end

-- nil when the file's tensors below `head` are the model's, else what the first difference is.
local function head_differs(model, head, there)
  local mine, names = model:state_dict()
  for _, name in ipairs(names) do
    if below(name, head) then
      local e = there[name]
      if not e and not name:find "num_batches_tracked$" then
        return name .. " is not in the file"
      end
      if e and text(e.shape) ~= text(mine[name].shape) then
        return ("%s is %s in the file, %s in %s"):format(name, text(e.shape),
          text(mine[name].shape), model.__name)
      end
    end
  end
  for _, name in ipairs(util.keys(there)) do
    if below(name, head) and not mine[name] then
      return name .. " of the file has no place in " .. model.__name
    end
  end
end

-- The file's tensors that are weights, by name.
local function entries_of(info)
  local there = {}
  for _, e in ipairs(info.entries) do
    if not e.name:find "^optimizer%." then there[e.name] = e end
  end
  return there
end

-- Copies a file's weights into a model. The body must fit; a head that does not is left as it was
-- made, and not read. Returns { loaded = count, skipped = count, head = name or nil, why =, info =
-- of checkpoint.inspect }.
function pretrained.load(model, path)
  local mine = model:state_dict()
  local info, message = checkpoint.inspect(path, mine)
  if not info then util.fail("data", "%s", message) end
  local there, head = entries_of(info), head_of(model)
  local why = head and head_differs(model, head, there)
  local result = { loaded = 0, skipped = 0, head = why and head, why = why, info = info }
  local wanted, entries = {}, {}
  for name, tensor in pairs(mine) do
    if not (why and below(name, head)) then wanted[name] = tensor end
  end
  for name, e in pairs(there) do
    if why and below(name, head) then
      result.skipped = result.skipped + 1
    else
      entries[#entries + 1], result.loaded = e, result.loaded + 1
    end
  end
  local fits, problem = fit.check(entries, wanted, { model = model.__name })
  if not fits then
    local looks = not problem:find("looks like", 1, true) and
      fit.looks_like(info.entries, model.__name) or ""
    util.fail("data", "%s%s", problem, looks)
  end
  local meta, failed = checkpoint.load_into(path, wanted, { strict = false })
  if not meta then util.fail("data", "%s", failed) end
  return result
end

local function source(opt, model)
  if opt.weights then return runs.find(opt.weights, opt.runs_dir, "best") end
  local hub = require "vgg.hub"
  local name = (model:config() or {}).name
  if not hub.known[name] then
    util.fail("usage", "--pretrained: no ImageNet weights of %s are known (of: %s); "
      .. "--weights FILE starts from a file", tostring(name),
      table.concat(util.keys(hub.known), " "))
  end
  hub.use(opt)
  return (hub.fetch(name, { progress = not util.quiet() }))
end

-- The statistics that the images of the file's training were normalised with, as far as known:
-- those of one of our runs, or ImageNet's where the head has its 1,000 classes.
local function statistics(opt, info)
  if opt.pretrained then return normalization.imagenet end
  if info.meta.config then return normalization.of_config(info.meta.config) end
  local last
  for _, e in ipairs(info.entries) do
    if #e.shape == 2 then last = e end
  end
  return last and last.shape[1] == 1000 and normalization.imagenet or nil
end

local function warn_about(theirs, data)
  local ours = data and data.normalize
  if not theirs or not ours or normalization.same(theirs, ours) then return end
  local name = normalization.name_of(theirs)
  util.log("warn", "weights: they were trained on images normalised with %s, these are normalised "
    .. "with %s%s", normalization.words(theirs), normalization.words(ours),
    name and (". --normalize %s uses theirs"):format(name) or "")
end

-- The model with the weights that --pretrained or --weights name, and a line about what was used.
-- A resumed run has its own.
function pretrained.of_flags(opt, model, data)
  if opt.pretrained and opt.weights then
    util.fail("usage", "--pretrained and --weights both name weights to start from; give one")
  end
  if not opt.pretrained and not opt.weights then return model end
  if opt.resume and runs.resumable(opt.resume, opt.runs_dir) then return model end
  local path = source(opt, model)
  local r = pretrained.load(model, path)
  util.log("info", "weights %s: %d tensors%s", path, r.loaded, r.head and
    ("; %s starts anew: %s%s"):format(r.head, r.why, r.skipped > 0 and
      (" (%d tensors skipped)"):format(r.skipped) or "") or "")
  warn_about(statistics(opt, r.info), data)
  return model
end

-- The optimizer's argument: one group, or with --lr-features two.
function pretrained.groups(opt, model)
  if not opt.lr_features then return { model, lr = opt.lr } end
  local features, rest, names = model:parameters "features", {}, {}
  local seen = {}
  for _, p in ipairs(features) do seen[p] = true end
  for name, p in model:named_parameters() do
    if not seen[p] then
      rest[#rest + 1] = p
      names[#rest] = name
    end
  end
  return { { features, lr = opt.lr_features }, { setmetatable(rest, { names = names }) },
    lr = opt.lr }
end

return pretrained
