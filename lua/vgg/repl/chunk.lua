-- Turns what was typed into a function: expressions are returned, locals at the top level become
-- variables of the session (which are kept in an environment table, never in _G).
local lex = require "vgg.repl.lex"

local chunk = {}

local opens = { ["do"] = 1, ["function"] = 1, ["if"] = 1, ["repeat"] = 1, ["end"] = -1,
  ["until"] = -1 }

-- End of a list of names after `local` at token `i`: index of the last name, or nil.
local function name_list(tokens, i)
  local last
  while tokens[i] and tokens[i].kind == "name" do
    last = i
    if not (tokens[i + 1] and tokens[i + 1].text == ",") then break end
    i = i + 2
  end
  return last
end

-- Text with every `local` outside blocks taken away, so that the names outlive the chunk. Columns
-- and lines stay where they were, but for `=nil` behind names that had no value.
function chunk.globalise(text)
  local tokens, depth, edits = {}, 0, {}
  for _, t in ipairs(lex.tokens(text)) do
    if t.kind ~= "comment" then tokens[#tokens + 1] = t end
  end
  for i, t in ipairs(tokens) do
    if t.kind == "keyword" then
      depth = depth + (opens[t.text] or 0)
      local following = tokens[i + 1]
      if t.text == "local" and depth == 0 and following then
        local last = name_list(tokens, i + 1)
        if following.text == "function" or last then
          edits[#edits + 1] = { t.first, t.last, "     " }
        end
        if last and not (tokens[last + 1] and tokens[last + 1].text == "=") then
          edits[#edits + 1] = { tokens[last].last + 1, tokens[last].last, "=nil" }
        end
      end
    end
  end
  for i = #edits, 1, -1 do
    local e = edits[i]
    text = text:sub(1, e[1] - 1) .. e[3] .. text:sub(e[2] + 1)
  end
  return text
end

-- Whether a message of loadstring says that more input could mend it. A short string is not mended
-- by another line, unless a backslash ends this one.
function chunk.is_incomplete(message, text)
  if message:find("unfinished string near", 1, true) then return text:sub(-1) == "\\" end
  return message:match("near '<eof>'$") ~= nil
end

-- Text without a `;` at its end (and whether it had one), comments aside.
local function strip_semicolon(text)
  local tokens, last = lex.tokens(text), nil
  for i = #tokens, 1, -1 do
    if tokens[i].kind ~= "comment" then
      last = tokens[i]
      break
    end
  end
  if not last or last.text ~= ";" then return text, false end
  return text:sub(1, last.first - 1) .. " " .. text:sub(last.last + 1), true
end

-- The name an expression is passed through: `return f()` would be a tail call, and the entry would
-- be missing from tracebacks.
chunk.identity = "__results"

-- `statements; expression`: what comes before the last semicolon is run, the rest is shown.
local function compile_mixed(text, tokens, name)
  for i = #tokens - 1, 1, -1 do
    local t = tokens[i]
    if t.text == ";" then
      local before, rest = text:sub(1, t.first - 1), text:sub(t.last + 1)
      if not (loadstring(before) and loadstring("return " .. rest)) then return nil end
      before = chunk.globalise(before)
      return loadstring(("%s; return %s(%s\n)"):format(before, chunk.identity, rest), name)
    end
  end
end

-- Compiles typed text. Returns the function and { expression, silent }, or nil, "incomplete" or
-- nil, "error", message, or nil, "empty".
function chunk.compile(text, name)
  local tokens, code = lex.tokens(text), false
  for _, t in ipairs(tokens) do
    code = code or t.kind ~= "comment" or t.open and t.text:match("^%-%-%[=*%[")
  end
  if not code then return nil, "empty" end
  text = text:gsub("^(%s*)=", "%1 ")
  local expression, silent = strip_semicolon(text)
  local fn, first_message = loadstring("return " .. expression, name)
  if fn then
    local call = "return " .. chunk.identity .. "(" .. expression
    fn = loadstring(call .. ")", name) or loadstring(call .. "\n)", name) -- after a comment
    return fn, { expression = true, silent = silent }
  end
  local message
  fn, message = loadstring(text, name)
  if fn then
    fn = assert(loadstring(chunk.globalise(text), name))
    return fn, { expression = false, silent = silent }
  end
  fn = compile_mixed(text, tokens, name)
  if fn then return fn, { expression = true, silent = false } end
  if chunk.is_incomplete(message, text) or chunk.is_incomplete(first_message, text) then
    return nil, "incomplete"
  end
  return nil, "error", message
end

return chunk
