-- Starting from trained weights: loading them into a model whose head may be another, and what the
-- flags of an experiment say about it.
local checkpoint = require "vgg.checkpoint"
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

local function text(t) return #t.shape == 0 and "scalar" or table.concat(t.shape, "x") end

-- Whether the file's tensors below `head` are the model's; if not, what the first difference is.
local function head_fits(model, head, given)
  local mine, names = model:state_dict()
  for _, name in ipairs(names) do
    if name:sub(1, #head + 1) == head .. "." then
      local counter = name:find "num_batches_tracked$"
      if not given[name] and not counter then return false, name .. " is not in the file" end
      if given[name] and text(given[name]) ~= text(mine[name]) then
        return false, ("%s is %s in the file, %s in %s"):format(name, text(given[name]),
          text(mine[name]), model.__name)
      end
    end
  end
  for _, name in ipairs(util.keys(given)) do
    if name:sub(1, #head + 1) == head .. "." and not mine[name] then
      return false, name .. " of the file has no place in " .. model.__name
    end
  end
  return true
end

-- Copies `given` (name -> tensor) into the model. The body must fit; a head that does not is left
-- as it was made. Returns { loaded = count, skipped = count, head = name or nil, why = }.
function pretrained.load(model, given)
  local head = head_of(model)
  local fits, why = head_fits(model, head, given)
  local result, use = { loaded = 0, skipped = 0 }, {}
  for name, tensor in pairs(given) do
    if fits or name:sub(1, #head + 1) ~= head .. "." then
      use[name], result.loaded = tensor, result.loaded + 1
    else
      result.skipped = result.skipped + 1
    end
  end
  if not fits then
    result.head, result.why = head, why
    for name, tensor in pairs((model:state_dict())) do
      if name:sub(1, #head + 1) == head .. "." then use[name] = tensor end
    end
  end
  model:load_state_dict(use)
  return result
end

-- The file that --weights means: itself, or the best checkpoint of a run.
local function file_of(what, runs_dir)
  local ending = what:match "%.(%w+)$"
  if ending == "pth" or ending == "pt" or ending == "ckpt" or ending == "bin" then return what end
  return runs.find(what, runs_dir, "best")
end

local function source(opt, model)
  if opt.weights then return file_of(opt.weights, opt.runs_dir) end
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
local function statistics(opt, file)
  if opt.pretrained then return normalization.imagenet end
  if file.meta and file.meta.config then return normalization.of_config(file.meta.config) end
  for _, name in ipairs { "classifier.6.weight", "classifier.4.weight", "classifier.weight",
    "classifier.0.weight", "fc.weight" } do
    local t = file.tensors[name]
    if t and t.shape[1] == 1000 then return normalization.imagenet end
  end
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
  local file, why = checkpoint.load(path, { skip = "optimizer." })
  if not file then util.fail("data", "%s", why) end
  local r = pretrained.load(model, file.tensors)
  util.log("info", "weights %s: %d tensors%s", path, r.loaded, r.head and
    ("; %s starts anew: %s%s"):format(r.head, r.why, r.skipped > 0 and
      (" (%d tensors skipped)"):format(r.skipped) or "") or "")
  warn_about(statistics(opt, file), data)
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
