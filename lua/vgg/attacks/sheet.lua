-- The pictures of a grid: one row an adversary with its source and the difference made visible.
local core = require "vgg.core"

local sheet = {}

-- x - y with mid-grey as 0 and the largest change as full range, and the factor that it took. An
-- unchanged image is grey.
function sheet.difference(x, y)
  local delta = x - y
  local most = delta:abs():amax():item()
  if most == 0 then return core.full_like(x, 0.5), 0 end
  return (delta * (0.5 / most) + 0.5):clamp(0, 1), 0.5 / most
end

function sheet.factor_text(factor)
  if factor == 0 then return "no difference" end
  return ("difference x%.3g"):format(factor)
end

-- Source, adversary and difference of row i, and the factor.
function sheet.row(grid, i)
  local x, y = grid.clean:select(1, i), grid.adversary:select(1, i)
  local difference, factor = sheet.difference(y, x)
  return x, y, difference, factor
end

-- All rows on one picture: `per_line` adversaries side by side.
function sheet.figure(grid, title, note)
  local images, captions, titles, per_line = {}, {}, {}, 2
  local classes = grid.session.classes
  return core.scope(function()
    for i = 1, grid.count do
      local x, y, d, factor = sheet.row(grid, i)
      local k = #images
      images[k + 1], images[k + 2], images[k + 3] = x, y:clamp(0, 1), d
      captions[k + 1] = ("#%d %s\nseen as %s"):format(
        grid.session.victims.positions[grid.samples[i]], classes[grid.source + 1],
        classes[grid.clean_predicted[i] + 1])
      captions[k + 2] = ("-> %s\np %.3f%s"):format(classes[grid.targets[i] + 1], grid.prob[i],
        grid.success[i] and "" or " (failed)")
      captions[k + 3] = ("x%.3g\nL2 %.3f, Linf %.3f"):format(factor, grid.l2[i], grid.linf[i])
    end
    for _ = 1, per_line do
      for _, name in ipairs { "source", "adversary", "difference" } do
        titles[#titles + 1] = name
      end
    end
    return require("vgg.plot").image_grid { images = images, captions = captions,
      columns = 3 * per_line, column_titles = titles, scale = 3, title = title, note = note }
  end)
end

return sheet
