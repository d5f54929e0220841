-- A training for the specs of prompts and live edits: like tiny.lua, smaller and with callbacks.
local vgg = require "vgg"
local nn, train = vgg.nn, vgg.train

local opt = train.flags {
  "An experiment that is edited while it runs.",
  { "lr", 1e-3, "learning rate" },
  { "batch_size", 20, "images a step", type = "int" },
  { "train_images", 400, "images", type = "int" },
  { "test_images", 40, "images", type = "int" },
  { "data", "synthetic", "data" },
  { "threads", 1, "threads", type = "int" },
  { "logger", { "jsonl" }, "log" },
}
vgg.manual_seed(opt.seed)
local data = train.data(opt)
data:setup()
local model = nn.Sequential {
  nn.Conv2d { 3, 4, kernel = 3 }, nn.BatchNorm2d { 4 }, nn.ReLU {}, nn.MaxPool2d { 6 },
  nn.Dropout { 0.1 }, nn.Flatten {}, nn.Linear { 100, 10 },
}
-- At step N of the environment's EDIT_AT = N:COMMAND the command runs; the steps after it are slow.
local function pause()
  local step, command = (os.getenv "EDIT_AT" or ""):match "^(%d+):(.*)$"
  return { name = "pause", on_step_boundary = function(_, t)
    if t.position.step == tonumber(step) then os.execute(command) end
    if tonumber(step) and t.position.step > tonumber(step) and t.position.step < tonumber(step) + 9
    then
      local clock = vgg.core.clock
      local start = clock()
      while clock() - start < 0.13 do end -- time for two looks at the script, or for a key
    end
  end }
end
local trainer = train.trainer(opt, data, {
  model = model, optimizer = vgg.optim.Adam { model, lr = opt.lr }, pictures = false,
  callbacks = { pause() },
})
trainer:fit { train = data:train_dataloader(), valid = data:val_dataloader() }
