-- Training: Trainer, load (a model from a checkpoint), flags (the command line of experiments).
local train = {}

local from = {
  Trainer = "trainer", load = "load", flags = "flags", runs = "runs",
  monitor = "monitor", Scores = "scores", Clock = "clock",
}

return setmetatable(train, {
  __index = function(self, name)
    if not from[name] then return nil end
    local value = require("vgg.train." .. from[name])
    if name == "Trainer" then
      value = setmetatable({ new = value.new, class = value },
        { __call = function(_, options) return value.new(options) end })
    end
    rawset(self, name, value)
    return value
  end,
})
