-- Logs rows, lines and tables into the directory given until it is killed.
local wandb = require "vgg.wandb"
local run = wandb.init { mode = "offline", project = "p", id = "killed", dir = (...) }
for i = 1, 1e9 do
  run:log { loss = 1 / i, text = ("x"):rep(i * 37 % 9000) }
  print("line", i)
  if i % 20 == 0 then
    run:log { t = wandb.Table { columns = { "a" }, data = { { i } } } }
    run:flush()
  end
end
