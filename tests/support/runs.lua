-- Writes run directories with numbers that are known beforehand.
local json = require "vgg.json"
local scratch = require "tests.support.scratch"

local runs = {}

runs.classes = { "ant", "bee & <b>", "cat" }

-- write(dir, { acc = { ... } per epoch, loss = { ... }, matrix =, flags =, finished = true, ... })
function runs.write(dir, o)
  local rows, best, best_acc = {}, 1, -1
  for i, acc in ipairs(o.acc) do
    local better = acc > best_acc
    if better then best, best_acc = i, acc end
    rows[#rows + 1] = { type = "step", step = 10 * i, epoch = i, ["train/loss_step"] = 2 / i }
    rows[#rows + 1] = { type = "epoch", epoch = i, step = 10 * i, best = better or nil,
      ["train/loss"] = 2.2 / i, ["train/acc"] = acc - 0.05, ["val/loss"] = o.loss and o.loss[i] or
      1.5 / i, ["val/acc"] = acc, ["val/acc_macro"] = acc, ["lr-Adam"] = 1e-3,
      timing = { elapsed = 10 * i, seconds = 10 } }
  end
  local lines = {}
  if o.matrix and o.finished ~= false then
    local all, right = 0, 0
    for i, row in ipairs(o.matrix) do
      for j, n in ipairs(row) do
        all = all + n
        if i == j then right = right + n end
      end
    end
    rows[#rows + 1] = { type = "test", checkpoint = "best", epoch = best,
      ["test/acc"] = right / all, ["test/acc_macro"] = right / all, ["test/loss"] = 1.25 }
  end
  for i, row in ipairs(rows) do lines[i] = json.encode(row) end
  scratch.write(dir .. "/metrics.jsonl", table.concat(lines, "\n") .. "\n" .. (o.tail or ""))
  local classes = o.classes or runs.classes
  local flags = { lr = 1e-3, data_split = "val", batch_size = 128, augment = "dlcv",
    max_epochs = #o.acc }
  for k, v in pairs(o.flags or {}) do flags[k] = v end
  scratch.write(dir .. "/config.json", json.encode { flags = flags, host = "cpu x2",
    started = "2026-01-02T03:04:05Z", command = "vgglua experiments/finetune.lua",
    max_epochs = #o.acc, fixed = { version = "0.1.0", classes = classes,
      model = o.model or { name = "Net", parameters = 1234567 }, optimizer = { name = "Adam" },
      data = { train = (o.data or "CIFAR-10") .. " 45,000 images of 50,000; 10 batches; none",
        val = (o.data or "CIFAR-10") .. " 5,000 of 50,000 training images, seed 42; 40 batches" },
      trainer = { batches = 10, monitor = "val/acc", seed = 1 } } })
  if o.finished ~= false then
    scratch.write(dir .. "/summary.json", json.encode { stop_reason = o.stop or "max_epochs",
      seconds = o.seconds or 100, monitor = "val/acc", classes = classes, epochs = #o.acc,
      confusion_matrix = o.matrix, best_confusion_matrix = o.matrix })
  end
end

-- The numbers of a well-formed XML text's elements by name; raises where tags do not close.
function runs.xml_elements(text)
  local counts, stack = {}, {}
  text = text:gsub("^<!DOCTYPE html>", "")
  for close, name, rest in text:gmatch "<(/?)([%a][%w]*)([^<>]*)>" do
    if close == "/" then
      assert(stack[#stack] == name, ("</%s> closes <%s>"):format(name, tostring(stack[#stack])))
      stack[#stack] = nil
    else
      counts[name] = (counts[name] or 0) + 1
      rest = rest:gsub('"[^"]*"', '""')
      assert(not rest:find '=[^"]', "attribute without quotes in <" .. name .. rest .. ">")
      local void = rest:sub(-1) == "/" or name == "meta" or name == "img" or name == "br"
      if not void then stack[#stack + 1] = name end
    end
  end
  assert(#stack == 0, "not closed: " .. table.concat(stack, " "))
  for entity in text:gmatch "&([^;%s]*)" do
    assert(entity:match "^amp$" or entity:match "^lt$" or entity:match "^gt$" or
      entity:match "^quot$" or entity:match "^#39$", "entity &" .. entity)
  end
  return counts
end

-- What a page would ask the network or the disk for.
function runs.requests(text)
  local found = {}
  for name, value in text:gmatch "([%a:]+)=\"([^\"]*)\"" do
    local loads = name == "src" or name == "href" or name == "xlink:href" or name == "data"
    if loads and not value:find "^data:" and not value:find "^#" then
      found[#found + 1] = name .. "=" .. value
    end
  end
  for what in text:gmatch "url%(([^)]*)%)" do
    if not what:find "^#" then found[#found + 1] = "url " .. what end
  end
  if text:find "@import" or text:find "<script" or text:find "<link" then
    found[#found + 1] = "import, script or link"
  end
  return found
end

return runs
