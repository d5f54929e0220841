-- robustness { session =, epsilons = {...}, attacks = { name = function(eps) -> attack } ... }: the
-- share of images that the network still gets right, for each attack and size of the change. Writes
-- picture, table and log of it; returns { epsilons =, series = { { name =, accuracy = {} } ... } }.
local core = require "vgg.core"
local json = require "vgg.json"
local log = require "vgg.log"
local Progress = require "vgg.attacks.progress"
local util = require "vgg.util"

local function accuracy(s, make, eps, name)
  local victims = s.victims
  local progress = Progress { what = ("%s eps %.4g"):format(name, eps) }
  local result = make(eps)(s.model, victims.images, victims.labels,
    { on_step = function(step) progress:step(step) end })
  progress:clear()
  local right = 0
  for i = 1, result.count do if not result.success[i] then right = right + 1 end end
  result.adversary:free()
  return right / result.count
end

local function text_of(out)
  local lines = { ("%-12s"):format "eps * 255" }
  for _, series in ipairs(out.series) do
    lines[1] = lines[1] .. ("%14s"):format(series.name)
  end
  for i, eps in ipairs(out.epsilons) do
    local cells = { ("%-12.4g"):format(eps * 255) }
    for k, series in ipairs(out.series) do
      cells[k + 1] = ("%12.1f %%"):format(100 * series.accuracy[i])
    end
    lines[#lines + 1] = table.concat(cells)
  end
  return table.concat(lines, "\n")
end

local function figure(s, out)
  local x, series = {}, {}
  for i, eps in ipairs(out.epsilons) do x[i] = eps * 255 end
  for k, one in ipairs(out.series) do
    local y = {}
    for i, v in ipairs(one.accuracy) do y[i] = 100 * v end
    series[k] = { name = one.name, x = x, y = y, dots = true }
  end
  return require("vgg.plot").curves {
    title = ("accuracy under attack, %d %s images"):format(#s.victims.positions,
      s.class and s.classes[s.class + 1] or "random"),
    xlabel = "largest change of a pixel (1/255)", ylabel = "still right (%)", series = series,
    ylim = { 0, 100 },
  }
end

local function write(s, out, picture)
  local loggers = log.open(s.opt.logger, s.run, { experiment = arg and arg[0], flags = s.opt,
    config = s.config, classes = s.classes })
  local columns, rows = { "epsilon" }, {}
  for k, series in ipairs(out.series) do columns[k + 1] = series.name end
  for i, eps in ipairs(out.epsilons) do
    rows[i] = { eps }
    for k, series in ipairs(out.series) do rows[i][k + 1] = series.accuracy[i] end
  end
  loggers:log_config(s.config)
  loggers:log_table { key = "robustness", columns = columns, rows = rows }
  loggers:log_images { key = "robustness_curve", images = { log.Image(picture,
    { caption = "accuracy under attack" }) } }
  loggers:tell_views()
  loggers:close()
  local ok, why = core.fs.write(s.run:path "robustness.png", picture:png(), "curve")
  if not ok then util.fail("data", "%s", why) end
  s.run:write("config.json", s.config)
  s.run:write("summary.json", out)
end

return function(o)
  local s = o.session
  util.check_options("robustness", o, { session = true, epsilons = true, attacks = true })
  local out = { epsilons = o.epsilons, series = {} }
  for _, entry in ipairs(o.attacks) do
    local list = {}
    for i, eps in ipairs(o.epsilons) do list[i] = accuracy(s, entry.make, eps, entry.name) end
    out.series[#out.series + 1] = { name = entry.name, accuracy = list }
  end
  local picture = figure(s, out)
  write(s, out, picture)
  print(s.opt.json and json.encode(out) or text_of(out))
  util.log("note", "curve %s", s.run:path "robustness.png")
  return out
end
