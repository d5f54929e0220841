-- Markdown tables and lists, with everything that would be markup escaped.
local markdown = {}

function markdown.escape(text)
  return (tostring(text):gsub("[\\`*_{}%[%]<>#|~]", "\\%0"):gsub("%s*\n%s*", " "))
end

-- table { columns = { "name", { "acc", "n" } }, rows = { { text, ... } } }; cells as in html.table.
function markdown.table(o)
  local head, rule, lines = {}, {}, {}
  for i, column in ipairs(o.columns) do
    if type(column) ~= "table" then column = { column } end
    head[i] = markdown.escape(column[1])
    rule[i] = column[2] == "n" and "---:" or "---"
  end
  lines[1] = "| " .. table.concat(head, " | ") .. " |"
  lines[2] = "| " .. table.concat(rule, " | ") .. " |"
  for _, row in ipairs(o.rows) do
    local cells = {}
    for i = 1, #o.columns do
      local cell = row[i]
      if type(cell) == "table" then cell = cell[1] end
      cells[i] = markdown.escape(cell == nil and "" or cell)
    end
    lines[#lines + 1] = "| " .. table.concat(cells, " | ") .. " |"
  end
  return table.concat(lines, "\n")
end

return markdown
