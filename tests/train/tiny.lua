-- A small experiment for the tests: a tiny net on the synthetic set, with every shared flag. With
-- TINY_KILL=HOOK:N:SIGNAL the process sends itself the signal at the nth call of a hook.
local vgg = require "vgg"
local nn, train = vgg.nn, vgg.train

local opt = train.flags {
  "A tiny experiment.",
  { "lr", 1e-3, "learning rate" },
  { "dropout", 0.1, "dropout" },
  { "batch_size", 32, "images a step", type = "int" },
  { "train_images", 600, "images", type = "int" },
  { "test_images", 64, "images", type = "int" },
  { "data", "synthetic", "data" },
  { "threads", 1, "threads", type = "int" },
  unpack(train.finetuning),
}

local kill = os.getenv "TINY_KILL"

local function killer()
  local hook, n, signal = kill:match "^(.*):(%d+):(%w+)$"
  local pid = assert(io.open "/proc/self/stat"):read "*l":match "^%d+"
  local seen = 0
  return { [hook] = function()
    seen = seen + 1
    if seen == tonumber(n) then
      io.popen(("kill -%s %s"):format(signal, pid)):close() -- os.execute would ignore SIGINT
    end
  end }
end

vgg.manual_seed(opt.seed)
local data = train.data(opt)
data:setup()
local model = nn.Sequential {
  nn.Conv2d { 3, 8, kernel = 3, pad = 1 }, nn.BatchNorm2d { 8 }, nn.ReLU {}, nn.MaxPool2d { 4 },
  nn.Flatten {}, nn.Dropout { opt.dropout }, nn.Linear { 8 * 8 * 8, 10 },
}
local trainer = train.trainer(opt, data, {
  model = model, optimizer = vgg.optim.Adam(train.groups(opt, model)),
  callbacks = kill and { killer() } or nil,
})
trainer:fit { train = data:train_dataloader(), valid = data:val_dataloader() }
trainer:report(trainer:test_both(data:test_dataloader()), opt.json)
