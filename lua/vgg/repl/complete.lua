-- Completion as a pure function of the text, the cursor and a context:
--   complete(line, cursor, context) -> start, words, shown
-- `start` is the number of bytes before the word, `words` what it may become, `shown` how to list
-- them. Context: lookup(name), names(), list(directory), options(callee), commands(), docs(),
-- members(class).
local help = require "vgg.help"
local lex = require "vgg.repl.lex"
local pretty = require "vgg.pretty"

local complete = {}

local function starts(text, prefix) return text:sub(1, #prefix) == prefix end

local function sorted(set)
  local list = {}
  for name in pairs(set) do list[#list + 1] = name end
  table.sort(list)
  return list
end

-- ---- what a value offers ----

local function is_identifier(k)
  return type(k) == "string" and k:match("^[%a_][%w_]*$") and not lex.keywords[k]
end

local function add_keys(set, t)
  for k in next, t do if is_identifier(k) then set[k] = true end end
end

-- What an object says of itself: nn modules list layers, tensors and attributes in fields().
local function add_fields(set, value)
  local ok, list = pcall(function() return value:fields() end)
  for _, name in ipairs(ok and type(list) == "table" and list or {}) do
    if is_identifier(name) then set[name] = true end
  end
end

-- Names that value.<name> may have: own keys, what the metatables lead to, layers, documented
-- fields.
function complete.members(value, context)
  local set, class = {}, pretty.class_name(value)
  if type(value) == "table" then add_keys(set, value) end
  local meta, depth = debug.getmetatable(value), 0
  while type(meta) == "table" and depth < 10 do
    local index, names = rawget(meta, "__index"), rawget(meta, "__names")
    if type(names) == "function" then names = select(2, pcall(names)) end
    if type(names) == "table" then add_keys(set, names) end -- loaded when first used
    if type(index) == "function" then index = meta end -- our classes: methods are in the metatable
    if type(index) == "table" then add_keys(set, index) end
    if type(rawget(meta, "methods")) == "table" then add_keys(set, rawget(meta, "methods")) end
    meta = type(index) == "table" and debug.getmetatable(index) or nil
    depth = depth + 1
  end
  if type(value) == "table" then add_fields(set, value) end
  for name in pairs(class and context.members and context.members(class) or {}) do
    set[name] = true
  end
  for _, name in ipairs(context.parts and context.parts(value) or {}) do set[name] = true end
  return set
end

local function get(value, key)
  if value == nil then return nil end
  local ok, result = pcall(function() return value[key] end)
  if ok then return result end
end

-- ---- the expression before the cursor ----

-- Reads `a.b[1].c` backwards from token i. Returns the steps from the left, and the index of the
-- first token, or nil when it is not a plain path.
local function path_before(tokens, i)
  local steps = {}
  while tokens[i] do
    local t = tokens[i]
    if t.kind == "name" then
      table.insert(steps, 1, t.text)
      local sep = tokens[i - 1]
      if not (sep and (sep.text == "." or sep.text == ":")) then return steps, i end
      i = i - 2
    elseif t.text == "]" then
      local key, open = tokens[i - 1], tokens[i - 2]
      if not (open and open.text == "[" and (key.kind == "number" or key.kind == "string")) then
        return nil
      end
      table.insert(steps, 1, key.kind == "number" and tonumber(key.text) or key.text:sub(2, -2))
      i = i - 3
    else
      return nil
    end
  end
end

local function resolve(steps, context)
  local ok, value = pcall(context.lookup, steps[1])
  if not ok then return nil end
  for i = 2, #steps do value = get(value, steps[i]) end
  return value
end

-- Name and value of what is called, when the cursor stands where a key of its table may begin.
local function constructor(tokens, i, context)
  local before = tokens[i]
  local text = before and before.text
  if not (text == "{" or text == "," or text == ";") then return end
  local depth = 0
  while tokens[i] do
    local c = tokens[i].text
    if tokens[i].kind == "symbol" then
      if c == "}" or c == ")" or c == "]" then depth = depth + 1 end
      if c == "{" or c == "(" or c == "[" then
        if depth == 0 then break end
        depth = depth - 1
      end
    end
    i = i - 1
  end
  if not tokens[i] or tokens[i].text ~= "{" then return end
  i = i - 1
  if tokens[i] and tokens[i].text == "(" then i = i - 1 end
  local steps = path_before(tokens, i)
  if not steps then return end
  for _, s in ipairs(steps) do if type(s) ~= "string" then return end end
  local colon = tokens[i - 1] and tokens[i - 1].text == ":"
  local value = resolve(steps, context)
  local last = table.remove(steps)
  if #steps == 0 then return last, value end
  return table.concat(steps, ".") .. (colon and ":" or ".") .. last, value
end

-- ---- kinds of completion ----

local function collect(start, names, prefix, decorate)
  local words, shown = {}, {}
  for _, name in ipairs(names) do
    if starts(name, prefix) and (prefix ~= "" or not starts(name, "_")) then
      words[#words + 1] = decorate and decorate(name) or name
      shown[#shown + 1] = name
    end
  end
  return start, words, shown
end

local function files(content, start, context)
  local dir, base = content:match("^(.*/)([^/]*)$")
  if not dir then dir, base = "", content end
  local where = dir == "" and "." or dir
  local home = os.getenv("HOME")
  if home and starts(where, "~/") then where = home .. where:sub(2) end
  local names = context.list and context.list(where) or {}
  local found = {}
  for _, name in ipairs(names) do
    if base:sub(1, 1) == "." or name:sub(1, 1) ~= "." then found[#found + 1] = name end
  end
  table.sort(found)
  return collect(start + #dir, found, base)
end

-- Functions and methods whose first string names a layer.
local takes_layer = { probe = true, top_images = true, get = true, register_forward_hook = true,
  register_forward_pre_hook = true, parameters = true, named_parameters = true,
  named_buffers = true }

-- The model whose layer an open string names: probe(m, "... or m:get("...; nil for other strings.
local function model_before(tokens, i, context)
  local before = tokens[i]
  if not before then return end
  if before.text == "," then -- probe(m, "
    local steps, first = path_before(tokens, i - 1)
    local open = steps and tokens[first - 1]
    local callee = open and open.text == "(" and path_before(tokens, first - 2)
    return callee and takes_layer[callee[#callee]] and resolve(steps, context) or nil
  end
  if before.text == "(" then i = i - 1 end -- m:get("  or  m:get "
  local callee = path_before(tokens, i)
  local method = callee and tokens[i - 1] and tokens[i - 1].text == ":" and table.remove(callee)
  return method and takes_layer[method] and resolve(callee, context) or nil
end

-- Names of layers as deep as what is typed.
local function layers(model, content, start)
  local depth, names = select(2, content:gsub("%.", "")), {}
  for name in model:named_modules() do
    if name ~= "" and select(2, name:gsub("%.", "")) == depth then names[#names + 1] = name end
  end
  return collect(start, names, content, function(name)
    return #model:get(name)._order > 0 and name .. "." or name
  end)
end

local function with_call(value, following, name)
  local callable = type(get(value, name)) == "function"
  return callable and not following:match("^[%({\"']") and name .. "(" or name
end

local function fields(tokens, i, prefix, start, following, context)
  local sep, before = tokens[i].text, tokens[i - 1]
  if sep == ":" and before and before.text == ")" then -- of a call: a tensor, most likely
    local methods = {}
    for name, kind in pairs(context.members("Tensor")) do
      if kind == "method" then methods[name] = true end
    end
    return collect(start, sorted(methods), prefix, function(name) return name .. "(" end)
  end
  local steps = path_before(tokens, i - 1)
  local value = steps and resolve(steps, context)
  if value == nil then return start, {}, {} end
  local set = complete.members(value, context)
  if sep == ":" then
    for name in pairs(set) do
      if type(get(value, name)) ~= "function" then set[name] = nil end
    end
  end
  return collect(start, sorted(set), prefix, function(name)
    return with_call(value, following, name)
  end)
end

local function globals(prefix, start, following, context)
  local names = context.names()
  if prefix ~= "" then
    for word in pairs(lex.keywords) do names[#names + 1] = word end
    table.sort(names)
  end
  return collect(start, names, prefix, function(name)
    local ok, value = pcall(context.lookup, name)
    local call = ok and type(value) == "function" and not following:match("^[%({\"']")
    return call and name .. "(" or name
  end)
end

local function command(text, start, context)
  local name = text:match("^%s*(:%a*)$")
  if name then return collect(start - #name, context.commands(), name) end
  local question = text:match("^%s*%?%s*([%w_.:]*)$")
  if question then
    local set = {}
    for _, doc in ipairs(context.docs()) do set[doc] = true end
    for _, global in ipairs(context.names()) do set[global] = true end
    return collect(start - #question, sorted(set), question)
  end
end

function complete.complete(line, cursor, context)
  local text, following = line:sub(1, cursor), line:sub(cursor + 1)
  if not text:match("[^\n]*$"):match("%S") then return cursor, { "  " }, { "  " } end
  local start, words, shown = command(text, cursor, context)
  if start then return start, words, shown end
  local shell = text:match("^%s*%$.-(%S*)$")
  if shell then return files(shell, cursor - #shell, context) end
  local argument = text:match("^%s*:%a+%s+(%S*)$")
  if argument and text:match("^%s*:save") then
    return files(argument, cursor - #argument, context)
  end
  text = text:gsub("^(%s*:%a+)", function(s) return (" "):rep(#s) end)
  text = text:gsub("^(%s*)%?", "%1 ")
  local tokens = lex.tokens(text)
  local last = tokens[#tokens]
  if last and last.open then
    if last.kind == "comment" then return cursor, {}, {} end
    local content = last.text:gsub("^%[=*%[", "", 1):gsub("^[\"']", "", 1)
    local model = model_before(tokens, #tokens - 1, context)
    if type(model) == "table" and type(get(model, "named_modules")) == "function" then
      return layers(model, content, cursor - #content)
    end
    return files(content, cursor - #content, context)
  end
  local i, prefix = #tokens, ""
  if last and last.kind ~= "symbol" and last.last == #text then
    if last.kind == "number" or last.kind == "string" then return cursor, {}, {} end
    prefix, i = last.text, i - 1
  end
  start = cursor - #prefix
  local before = tokens[i]
  if before and (before.text == "." or before.text == ":") then
    return fields(tokens, i, prefix, start, following, context)
  end
  local callee, value = constructor(tokens, i, context)
  local options = callee and context.options(callee, value) or {}
  if #options > 0 then
    local _, found, names = collect(start, options, prefix, function(name) return name .. " = " end)
    if #found > 0 then return start, found, names end
  end
  return globals(prefix, start, following, context)
end

-- The context of a session.
function complete.context(session)
  local host = session.host
  return {
    lookup = function(name) return (session:lookup(name)) end,
    names = function() return session:names() end,
    list = host and host.list,
    options = help.options,
    docs = help.names,
    members = help.members,
    commands = function() return require("vgg.repl.commands").names() end,
    parts = function(value)
      if value ~= package.loaded.vgg then return {} end
      local names = {}
      for name in pairs(session.lazy) do if name ~= "vgg" then names[#names + 1] = name end end
      return names
    end,
  }
end

return complete
