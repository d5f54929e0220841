-- Colours by their part in a picture, for light and dark surroundings. "series1" to "series8" tell
-- curves apart, also for colour-blind readers; further series start again.
local theme = {}

theme.light = {
  ground = 0xffffff, ink = 0x1b2430, muted = 0x586374, faint = 0x8a94a3, grid = 0xe3e7ec,
  axis = 0x9aa4b1, accent = 0x1d5fb4, over = 0xffffff, good = 0x177245, bad = 0xc42b3a,
  series1 = 0x1d5fb4, series2 = 0xd4601a, series3 = 0x1f8a5b, series4 = 0x9b3fb5,
  series5 = 0xc42b3a, series6 = 0x0f8296, series7 = 0x8a6a1f, series8 = 0x596579,
}

theme.dark = {
  ground = 0x12161c, ink = 0xe7ebf0, muted = 0xa3adba, faint = 0x717c8b, grid = 0x29313b,
  axis = 0x596473, accent = 0x63a4f5, over = 0x0b0f14, good = 0x58c98c, bad = 0xff7b84,
  series1 = 0x63a4f5, series2 = 0xf39b57, series3 = 0x55c793, series4 = 0xcd8ae6,
  series5 = 0xff7b84, series6 = 0x4cc3d6, series7 = 0xd2b25a, series8 = 0xa3b0c2,
}

theme.series = 8

function theme.series_role(i) return "series" .. (i - 1) % theme.series + 1 end

-- Colours of a name, raising for names there are not.
function theme.of(name)
  local t = theme[name]
  if type(t) ~= "table" then
    error(("plot: no theme '%s' (light, dark)"):format(tostring(name)), 3)
  end
  return t
end

function theme.hex(colour) return ("#%06x"):format(colour) end

-- Style rules that set every role as a variable, following the reader's light or dark setting.
function theme.css(selector)
  local function block(t)
    local names, out = {}, {}
    for name in pairs(t) do names[#names + 1] = name end
    table.sort(names)
    for i, name in ipairs(names) do out[i] = ("--%s:%s"):format(name, theme.hex(t[name])) end
    return ("%s{%s}"):format(selector, table.concat(out, ";"))
  end
  return block(theme.light) .. "@media (prefers-color-scheme:dark){" .. block(theme.dark) .. "}"
end

return theme
