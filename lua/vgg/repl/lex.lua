-- A tokenizer for Lua text that may be unfinished or wrong, for rewriting and completion.
local lex = {}

local keywords = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat
  return then true until while]]):gmatch("%a+") do keywords[word] = true end
lex.keywords = keywords

-- End of a short string that starts at `i`, and whether its quote was found.
local function short_string(text, i)
  local quote = text:sub(i, i)
  local j = i + 1
  while j <= #text do
    local c = text:sub(j, j)
    if c == "\\" then
      j = j + 1
    elseif c == quote then
      return j, true
    elseif c == "\n" then
      return j - 1, false
    end
    j = j + 1
  end
  return #text, false
end

-- End of a long bracket that starts at `i` ("[[" or "[==["), or nil if there is none.
local function long_bracket(text, i)
  local level = text:match("^%[(=*)%[", i)
  if not level then return end
  local _, stop = text:find("]" .. level .. "]", i + #level + 2, true)
  return stop or #text, stop ~= nil
end

local function comment(text, i)
  local stop, closed = long_bracket(text, i + 2)
  if stop then return stop, closed end
  local line_end = text:find("\n", i, true)
  return (line_end or #text + 1) - 1, line_end ~= nil
end

-- Array of tokens { kind, text, first, last, open }. Kinds: name, keyword, number, string, comment,
-- symbol. `open`: a string or comment that the text ends inside of.
function lex.tokens(text)
  local list, i = {}, 1
  local function add(kind, last, open)
    list[#list + 1] = { kind = kind, text = text:sub(i, last), first = i, last = last, open = open }
    i = last + 1
  end
  while true do
    i = text:find("%S", i)
    if not i then return list end
    local c = text:sub(i, i)
    if c:match("[%a_]") then
      local _, last = text:find("^[%w_]+", i)
      add(keywords[text:sub(i, last)] and "keyword" or "name", last)
    elseif c:match("%d") or text:match("^%.%d", i) then
      local _, last = text:find("^[%w_.]+", i)
      if text:sub(last, last):match("[eEpP]") and text:match("^[+-]%d", last + 1) then
        _, last = text:find("^[+-]%d+", last + 1)
      end
      add("number", last)
    elseif c == '"' or c == "'" then
      local last, closed = short_string(text, i)
      add("string", last, not closed)
    elseif text:match("^%-%-", i) then
      local last, closed = comment(text, i)
      add("comment", last, not closed)
    elseif long_bracket(text, i) then
      local last, closed = long_bracket(text, i)
      add("string", last, not closed)
    else
      local _, last = text:find("^%.%.%.", i)
      if not last then _, last = text:find("^%.%.", i) end
      if not last then _, last = text:find("^[=~<>]=", i) end
      if not last then _, last = text:find("^::", i) end
      add("symbol", last or i)
    end
  end
end

return lex
