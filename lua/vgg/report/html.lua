-- HTML that stands alone: one file without scripts or requests, readable in light and dark. A page
-- forbids itself to load anything; pictures are inline.
local base64 = require "vgg.base64"
local theme = require "vgg.plot.theme"

local html = {}

local escapes = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;",
  ["'"] = "&#39;" }

function html.escape(text)
  return (tostring(text):gsub("[&<>\"']", escapes):gsub("[%z\1-\8\11\12\14-\31]", "?"))
end

-- Markup that is not to be escaped again.
local Raw = {}
Raw.__index = Raw
function Raw:__tostring() return self.text end
function html.raw(text) return setmetatable({ text = text }, Raw) end

local function markup(value)
  if getmetatable(value) == Raw then return value.text end
  return html.escape(value)
end

-- element("p", "text") or element("p", { class = "note" }, "text", raw, ...)
function html.element(name, attributes, ...)
  local parts = { ... }
  if type(attributes) ~= "table" or getmetatable(attributes) == Raw then
    table.insert(parts, 1, attributes)
    attributes = {}
  end
  local words, keys = { name }, {}
  for key in pairs(attributes) do keys[#keys + 1] = key end
  table.sort(keys)
  for _, key in ipairs(keys) do
    words[#words + 1] = ('%s="%s"'):format(key, html.escape(attributes[key]))
  end
  for i, part in ipairs(parts) do parts[i] = markup(part) end
  return html.raw(("<%s>%s</%s>"):format(table.concat(words, " "), table.concat(parts), name))
end

local style = [[
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);line-height:1.5;
font:15px/1.5 system-ui,-apple-system,"Segoe UI","Helvetica Neue",Arial,sans-serif}
main{max-width:1180px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:26px;line-height:1.2;margin:0 0 6px}h2{font-size:19px;margin:38px 0 10px}
h3{font-size:15px;margin:20px 0 6px}p{margin:8px 0;max-width:82ch}
.lead{color:var(--muted)}.note{color:var(--muted);font-size:13px}
.warn{border-left:4px solid var(--series2);padding:4px 12px;margin:10px 0}
table{border-collapse:collapse;font-size:14px;margin:10px 0}
.scroll{overflow-x:auto;max-width:100%}
th,td{padding:4px 14px 4px 0;text-align:left;vertical-align:top;
border-bottom:1px solid var(--grid)}
th{color:var(--muted);font-weight:600;white-space:nowrap}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td.good{color:var(--good)}td.bad{color:var(--bad)}
p.picture{max-width:none}p.picture img{max-width:100%;height:auto}
td small{color:var(--muted)}h1:not(:first-child){margin-top:60px}
td img{display:block;image-rendering:pixelated;width:64px;height:64px}
.grid{max-width:940px;display:flex;flex-wrap:wrap;gap:12px 10px}
.grid figure{margin:0;width:84px;font-size:12px;line-height:1.25;text-align:center}
.grid img{image-rendering:pixelated;width:80px;height:80px;display:block;margin:0 auto 3px}
.wrong{color:var(--bad)}.wrong img{outline:2px solid var(--bad)}
svg{max-width:100%;height:auto;display:block}
code,pre{font:13px/1.45 ui-monospace,Menlo,Consolas,monospace}
pre{background:var(--grid);padding:10px 12px;overflow-x:auto;border-radius:4px}
dt{font-weight:600;margin-top:14px}dd{margin:2px 0 0;max-width:86ch}
details>summary{cursor:pointer;color:var(--muted)}
footer{margin-top:44px;color:var(--muted);font-size:12.5px}
@media print{main{max-width:none}}
]]

-- A whole page. body: markup (html.raw or an array of it).
function html.page(o)
  local parts = {}
  for i, part in ipairs(getmetatable(o.body) == Raw and { o.body } or o.body) do
    parts[i] = markup(part)
  end
  return table.concat({
    '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width,initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; ' ..
      'style-src \'unsafe-inline\'; img-src data:">',
    "<title>" .. html.escape(o.title) .. "</title>",
    "<style>" .. theme.css ":root" .. "\n" .. style .. "</style></head>",
    "<body><main>", table.concat(parts, "\n"),
    "<footer>" .. html.escape(o.footer or "") .. "</footer></main></body></html>\n",
  }, "\n")
end

-- table { columns = { "name", { "acc", "n" } }, rows = { { cell ... } } }: a cell is text, markup
-- or { text, class }; class "n" aligns numbers.
function html.table(o)
  local head, classes = {}, {}
  for i, column in ipairs(o.columns) do
    if type(column) ~= "table" then column = { column } end
    classes[i] = column[2]
    head[i] = html.element("th", { class = column[2] }, column[1]).text
  end
  local lines = { "<tr>" .. table.concat(head) .. "</tr>" }
  for _, row in ipairs(o.rows) do
    local cells = {}
    for i = 1, #o.columns do
      local cell, class = row[i], classes[i]
      if type(cell) == "table" and getmetatable(cell) ~= Raw then
        class = table.concat({ class or "", cell[2] or "" }, " "):gsub("^ +", ""):gsub(" +$", "")
        cell = cell[1]
      end
      if cell == nil then cell = "" end
      cells[i] = html.element("td", { class = class ~= "" and class or nil }, cell).text
    end
    lines[#lines + 1] = "<tr>" .. table.concat(cells) .. "</tr>"
  end
  return html.raw('<div class="scroll"><table>' .. table.concat(lines, "\n") .. "</table></div>")
end

-- A picture of vgg.plot, inline, in the page's colours.
function html.figure(figure) return html.raw(figure:svg { inline = true }) end

-- An image from PNG bytes.
function html.image(png, alt)
  return html.raw(('<img alt="%s" src="data:image/png;base64,%s">'):format(html.escape(alt or ""),
    base64(png)))
end

return html
