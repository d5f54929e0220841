-- The texts of the progress display; pure functions of numbers and a width.
local Clock = require "vgg.train.clock"

local line = {}

-- Whether the locale says that the terminal shows UTF-8.
function line.is_utf8()
  for _, name in ipairs { "LC_ALL", "LC_CTYPE", "LANG" } do
    local v = os.getenv(name)
    if v and v ~= "" then return v:lower():gsub("-", ""):find("utf8", 1, true) ~= nil end
  end
  return false
end

-- Cut so that it stays on one line of `width` columns.
function line.fit(text, width)
  if width and #text >= width then return text:sub(1, math.max(0, width - 1)) end
  return text
end

local function bar(share, cells, utf8)
  local full = math.floor(share * cells + 1e-9)
  if utf8 then return ("█"):rep(full) .. (" "):rep(cells - full) end
  return ("#"):rep(full) .. (" "):rep(cells - full)
end

local function rate(v) return v >= 100 and ("%.0f"):format(v) or ("%.1f"):format(v) end

-- p: epoch, epochs, batch, batches, it, images (a second), eta, run (seconds), loss, acc. Fields
-- go, least important first, until the line is shorter than `width` (nil: no limit, no bar).
function line.progress(p, width, utf8)
  local epochs = p.epochs < math.huge and ("/%d"):format(p.epochs) or ""
  local n = #tostring(p.batches)
  local head = ("%s %d%s %3d%%"):format(p.what, p.epoch, epochs,
    math.floor(100 * p.batch / p.batches))
  local count = ("%" .. n .. "d/%d"):format(p.batch, p.batches)
  local fields = { count, rate(p.it) .. " it/s", ("%.0f img/s"):format(p.images) }
  local rank = { 1, 6, 4 }
  local function add(text, importance)
    if text then fields[#fields + 1], rank[#rank + 1] = text, importance end
  end
  local run = p.run and p.run < math.huge and " (run " .. Clock.text(p.run) .. ")" or ""
  add(p.eta and "ETA " .. Clock.text(p.eta) .. run, 3)
  add(("loss %.3f"):format(p.loss), 2)
  add(p.acc and ("acc %.3f"):format(p.acc), 5)
  if not width then return head .. "  " .. table.concat(fields, "  ") end
  local function tail() return " " .. table.concat(fields, "  ") end
  local function shorten()
    local worst = 1
    for i = 2, #rank do if rank[i] > rank[worst] then worst = i end end
    table.remove(fields, worst)
    table.remove(rank, worst)
  end
  while #fields > 1 and #head + #tail() + 9 > width do shorten() end
  local cells = math.min(20, width - 1 - #head - #tail() - 2)
  if cells < 3 then return line.fit(head .. tail(), width) end
  return head .. "|" .. bar(p.batch / p.batches, cells, utf8) .. "|" .. tail()
end

local function lr_text(rates)
  local list = {}
  for i, lr in ipairs(type(rates) == "table" and rates or { rates }) do
    list[i] = ("%.1e"):format(lr)
  end
  return table.concat(list, " ")
end

-- lr: the rate, or those of the groups.
-- "epoch  3  train loss 0.9341 acc 0.6702 | val loss 0.8790 acc 0.6931 (macro 0.6929) * | ..."
function line.epoch(row, lr, green)
  local parts = {}
  local function scores(prefix, with_macro)
    local text = ("%s loss %.4f"):format(prefix, row[prefix .. "/loss"])
    local acc, macro = row[prefix .. "/acc"], row[prefix .. "/acc_macro"]
    if acc then text = text .. (" acc %.4f"):format(acc) end
    if with_macro and macro then text = text .. (" (macro %.4f)"):format(macro) end
    return text
  end
  parts[1] = ("epoch %2d%s  %s"):format(row.epoch, row.partial and " (part)" or "",
    scores "train")
  local star = row.best and " " .. green "*" or ""
  if row["val/loss"] then
    parts[2] = scores("val", true) .. star
  else
    parts[1] = parts[1] .. star
  end
  parts[#parts + 1] = "lr " .. lr_text(lr)
  parts[#parts + 1] = ("%.1f s"):format(row.timing.seconds)
  parts[#parts + 1] = ("%.0f img/s"):format(row.timing.images_per_second)
  return table.concat(parts, " | ")
end

function line.test(label, v)
  local acc = v.acc and (" acc %.4f (macro %.4f)"):format(v.acc, v.acc_macro) or ""
  return ("test (%s weights)  loss %.4f%s"):format(label, v.loss, acc)
end

return line
