-- Legend in rows: a piece of each line and its name; what does not fit in three rows is counted.
local font = require "vgg.plot.font"

local legend = {}

local sample, gap, row = 22, 18, 18

-- Entries with names, in rows no wider than `width`: { { { entry, text, x } ... } ... }, how many
-- were left out.
local function arrange(list, width, size)
  local rows, x, left_out = { {} }, 0, 0
  for _, s in ipairs(list) do
    if s.name then
      local text = font.fit(s.name, size, width - sample - 6)
      local w = sample + 6 + 1.06 * font.width(text, size)
      if x > 0 and x + w > width then
        rows[#rows + 1], x = {}, 0
      end
      if #rows > 3 then
        left_out = left_out + 1
      else
        table.insert(rows[#rows], { entry = s, text = text, x = x })
      end
      x = x + w + gap
    end
  end
  while #rows > 3 do rows[#rows] = nil end
  return rows, left_out
end

-- Draws it from x, y downwards; returns its height.
function legend.draw(f, list, x, y, width, size)
  local rows, left_out = arrange(list, width - 70, size)
  if #rows[1] == 0 then return 0 end
  for i, entries in ipairs(rows) do
    local base = y + i * row - 5
    for _, e in ipairs(entries) do
      local s, left = e.entry, x + e.x
      f:line { points = { left + 1, base - 4, left + sample - 1, base - 4 }, stroke = s.role,
        width = s.faint and 1.3 or 2.2, alpha = s.faint and 0.5 or 1,
        dash = s.dash and { 4.5, 4 } or nil }
      f:text { x = left + sample + 6, y = base, text = e.text, size = size }
    end
    if i == #rows and left_out > 0 then
      local last = entries[#entries]
      f:text { x = x + last.x + sample + 6 + font.width(last.text, size) + gap, y = base,
        text = ("and %d more"):format(left_out), size = size, fill = "muted" }
    end
  end
  return #rows * row + 4
end

return legend
