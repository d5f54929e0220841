-- Which of a file's tensors are the model's, and under which prefix: a plain state dict, one inside
-- a checkpoint ({ state_dict = ..., epoch = ... }), names behind "model." or "module.".
local layout = {}

-- Keys of a dict of dicts under which the weights are found, in order of preference.
layout.containers = {
  "state_dict", "model_state_dict", "model", "net", "network", "module", "weights", "params",
}
-- Attributes that wrap a network: LightningModule's habit, DataParallel, torch.compile.
layout.wrappers = { "model", "module", "net", "network", "_orig_mod" }

local function starts(text, start) return text:sub(1, #start) == start end

-- "state_dict." when the file is a dict with such a dict in it, else "".
local function container(entries, plain)
  for _, name in ipairs(type(plain) == "table" and layout.containers or {}) do
    if type(plain[name]) == "table" then
      for _, e in ipairs(entries) do
        if starts(e.name, name .. ".") then return name .. "." end
      end
    end
  end
  return ""
end

-- Whether all names start so; of Lightning's, where losses lie beside the network, most.
local function all_start(names, start, most)
  local n = 0
  for _, name in ipairs(names) do
    if starts(name, start) then n = n + 1 end
  end
  return n > 0 and (n == #names or most and 2 * n > #names)
end

-- The wrappers that the names begin with: "model._orig_mod.".
local function common(names, most)
  local prefix, found = "", true
  while found do
    found = false
    for _, wrapper in ipairs(layout.wrappers) do
      if all_start(names, prefix .. wrapper .. ".", most) then
        prefix, found = prefix .. wrapper .. ".", true
        break
      end
    end
  end
  return prefix
end

-- The prefix under which most of the wanted names are there; nil when none is.
local function fitting(names, wanted)
  local there, candidates, anchors = {}, { [""] = true }, {}
  for _, name in ipairs(names) do there[name] = true end
  for name in pairs(wanted) do
    if #anchors < 8 then anchors[#anchors + 1] = name end
  end
  for _, name in ipairs(names) do
    for _, anchor in ipairs(anchors) do
      local tail = "." .. anchor
      if name:sub(-#tail) == tail then candidates[name:sub(1, #name - #anchor)] = true end
    end
  end
  local best, most = nil, 0
  for prefix in pairs(candidates) do
    local n = 0
    for name in pairs(wanted) do if there[prefix .. name] then n = n + 1 end end
    if n > most or (n == most and n > 0 and #prefix < #best) then best, most = prefix, n end
  end
  return best
end

local function kind(plain, root, entries)
  if type(plain) ~= "table" then return plain == nil and "state dict" or "tensor" end
  if plain["pytorch-lightning_version"] then return "Lightning checkpoint" end
  if root ~= "" then return "checkpoint" end
  return #entries > 0 and "state dict" or "object"
end

-- layout.of(entries, plain [, wanted]) -> { kind =, prefix =, entries = the model's, named without
-- the prefix (e.raw is the file's name), rest = the others }. plain: what torch.save kept beside
-- tensors; wanted: the tensors of a model, by name, for which the prefix is sought.
function layout.of(entries, plain, wanted)
  local root, names = container(entries, plain), {}
  for _, e in ipairs(entries) do
    if starts(e.name, root) then names[#names + 1] = e.name:sub(#root + 1) end
  end
  local what = kind(plain, root, entries)
  local prefix = root .. (wanted and fitting(names, wanted)
    or common(names, what == "Lightning checkpoint"))
  local result = { kind = what, prefix = prefix, entries = {}, rest = {} }
  for _, e in ipairs(entries) do
    local list = starts(e.name, prefix) and result.entries or result.rest
    e.raw = e.name
    if list == result.entries then e.name = e.name:sub(#prefix + 1) end
    list[#list + 1] = e
  end
  return result
end

return layout
