-- Training: Trainer, load (a model from a checkpoint), and for experiments flags (their command
-- line), data and trainer (what the flags describe).
local train = {}

local from = {
  Trainer = "trainer", load = "load", flags = "flags", data = "flags",
  trainer = "flags", runs = "runs",
  pretrained = "pretrained", groups = "pretrained", finetuning = "pretrained",
  load_pretrained = "pretrained", monitor = "monitor", Scores = "scores", Clock = "clock",
}

return setmetatable(train, {
  __names = from,
  __index = function(self, name)
    if not from[name] then return nil end
    local value = require("vgg.train." .. from[name])
    if name == "finetuning" then
      value = value.flags
    elseif name == "pretrained" then
      value = value.of_flags
    elseif name == "load_pretrained" then
      value = value.load
    elseif name == "groups" then
      value = value.groups
    elseif name == "flags" then
      value = value.parse
    elseif from[name] == "flags" then
      value = value[name]
    elseif name == "Trainer" then
      value = setmetatable({ new = value.new, class = value },
        { __call = function(_, options) return value.new(options) end })
    end
    rawset(self, name, value)
    return value
  end,
})
