-- A report as a list of blocks, written as a page or as Markdown:
--   { "heading", 2, "text" }   { "text", "words", class = "note" }   { "warning", "words" }
--   { "table", columns =, rows = }  of text, { text, class } or { image = PNG, alt =, note = }
--   { "figure", figure, table = block that stands for it in Markdown }
--   { "picture", PNG, "what it shows" }   { "link", path, "what it shows" }
--   { "svg", text of a file of ours }
--   { "gallery", { { image = PNG, caption = "a\nb", wrong = true } ... } }
--   { "answers", { { "question", "answer", ... } ... } }   { "code", "text" }
--   { "fold", "title", { blocks } }
local html = require "vgg.report.html"
local markdown = require "vgg.report.markdown"

local document = {}

local function is_image(cell) return type(cell) == "table" and cell.image ~= nil end

-- ---- page ----

local page = {}

local function write(blocks, out)
  for _, b in ipairs(blocks) do page[b[1]](b, out) end
  return out
end

function page.heading(b, out) out[#out + 1] = html.element("h" .. b[2], b[3]) end
function page.text(b, out) out[#out + 1] = html.element("p", { class = b.class }, b[2]) end
function page.code(b, out) out[#out + 1] = html.element("pre", b[2]) end
function page.svg(b, out) out[#out + 1] = html.raw(b[2]) end
function page.figure(b, out) out[#out + 1] = html.figure(b[2]) end

function page.warning(b, out)
  out[#out + 1] = html.element("p", { class = "warn" }, "Warning: " .. b[2])
end

function page.link() end -- a page holds its pictures itself

function page.picture(b, out)
  out[#out + 1] = html.element("p", { class = "picture" }, html.image(b[2], b[3]))
end

function page.table(b, out)
  local rows = {}
  for i, row in ipairs(b.rows) do
    rows[i] = {}
    for k = 1, #b.columns do
      local cell = row[k]
      if is_image(cell) then
        local note = cell.note and html.element("small", cell.note).text or ""
        cell = html.raw(html.image(cell.image, cell.alt).text .. note)
      end
      rows[i][k] = cell
    end
  end
  out[#out + 1] = html.table { columns = b.columns, rows = rows }
end

function page.gallery(b, out)
  local parts = {}
  for i, item in ipairs(b[2]) do
    local lines = {}
    for line in (item.caption .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = html.escape(line) end
    parts[i] = html.element("figure", { class = item.wrong and "wrong" or nil },
      html.image(item.image, item.caption:gsub("\n", ", ")), html.raw(table.concat(lines, "<br>")))
  end
  out[#out + 1] = html.element("div", { class = "grid" }, unpack(parts))
end

function page.answers(b, out)
  local parts = {}
  for _, qa in ipairs(b[2]) do
    parts[#parts + 1] = html.element("dt", qa[1])
    for i = 2, #qa do parts[#parts + 1] = html.element("dd", qa[i]) end
  end
  out[#out + 1] = html.element("dl", unpack(parts))
end

function page.fold(b, out)
  local inner = write(b[3], {})
  out[#out + 1] = html.element("details", html.element("summary", b[2]), unpack(inner))
end

function document.html(blocks, o)
  return html.page { title = o.title, body = write(blocks, {}), footer = o.footer }
end

-- ---- Markdown ----

local text = {}
local escape = markdown.escape

local function write_text(blocks, out)
  for _, b in ipairs(blocks) do
    if text[b[1]] then text[b[1]](b, out) end
  end
  return out
end

function text.heading(b, out) out[#out + 1] = ("#"):rep(b[2]) .. " " .. escape(b[3]) end
function text.text(b, out) out[#out + 1] = escape(b[2]) end
function text.figure(b, out) if b.table then text.table(b.table, out) end end
function text.link(b, out) out[#out + 1] = ("![%s](%s)"):format(escape(b[3]), b[2]) end
function text.code(b, out) out[#out + 1] = "```\n" .. b[2] .. "\n```" end
function text.warning(b, out) out[#out + 1] = "> **Warning:** " .. escape(b[2]) end

-- Columns of images are left out: they are in the page.
function text.table(b, out)
  local columns, kept = {}, {}
  for k, column in ipairs(b.columns) do
    if not (b.rows[1] and is_image(b.rows[1][k])) then
      columns[#columns + 1], kept[#kept + 1] = column, k
    end
  end
  local rows = {}
  for i, row in ipairs(b.rows) do
    rows[i] = {}
    for j, k in ipairs(kept) do rows[i][j] = row[k] end
  end
  out[#out + 1] = markdown.table { columns = columns, rows = rows }
end

function text.answers(b, out)
  for _, qa in ipairs(b[2]) do
    out[#out + 1] = "**" .. escape(qa[1]) .. "**"
    out[#out + 1] = escape(table.concat(qa, " ", 2))
  end
end

function text.fold(b, out)
  out[#out + 1] = "### " .. escape(b[2])
  write_text(b[3], out)
end

function document.markdown(blocks) return table.concat(write_text(blocks, {}), "\n\n") .. "\n" end

return document
