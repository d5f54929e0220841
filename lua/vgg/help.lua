-- Help for ?name: from lua/stubs for what is written in C, else from the comment above the function
-- in its source. A stub is a line of `---` comments and a declaration, as LuaLS reads them:
--   ---Largest of each window; NaN stays NaN.
--   ---@option kernel 2 side of the window, or { height, width }
--   function Tensor:max_pool2d(options) end
local pretty = require "vgg.pretty"
local util = require "vgg.util"

local help = {}

local root = debug.getinfo(1, "S").source:match("^@(.*)vgg/help%.lua$")
local docs, order

-- ---- stubs ----

local function add(name, doc)
  if not docs[name] then order[#order + 1] = name end
  docs[name] = doc
end

-- Splits the comment lines above a declaration into text, options, fields and results.
local function read_comment(lines)
  local doc = { text = {}, options = {}, params = {}, returns = {} }
  for _, line in ipairs(lines) do
    local tag, rest = line:match("^@(%a+)%s*(.*)$")
    if tag == "option" then
      local name, default, text = rest:match("^(%S+)%s+(%S+)%s*(.*)$")
      doc.options[#doc.options + 1] = { name = name, default = default, text = text }
    elseif tag == "return" then
      doc.returns[#doc.returns + 1] = rest
    elseif tag == "param" then
      doc.params[#doc.params + 1] = rest
    elseif not tag then
      doc.text[#doc.text + 1] = line
    end
  end
  return doc
end

local function declare(doc, name, args)
  doc.name = name
  local result = doc.returns[1] and " -> " .. table.concat(doc.returns, ", ") or ""
  doc.signature = args and name .. args .. result or name
  add(name, doc)
end

-- One stub file's text.
function help.read_stubs(text)
  docs, order = docs or {}, order or {}
  local comment, class = {}, nil
  for line in (text .. "\n"):gmatch("(.-)\r?\n") do
    local c = line:match("^%s*%-%-%-%s?(.*)$")
    local name, args = line:match("^function%s+([%w_.:]+)%s*(%b())")
    local plain = line:match("^([%w_.]+)%s*=")
    if c then
      local field, rest = c:match("^@field%s+([%w_]+)%s+(.*)$")
      local opened = c:match("^@class%s+([%w_.]+)")
      class = opened or class
      if field and class then
        local full = class .. "." .. field
        add(full, { name = full, signature = full, text = { rest }, options = {}, returns = {},
          params = {} })
      elseif c ~= "@meta" then
        comment[#comment + 1] = c
      end
    elseif name then
      declare(read_comment(comment), name, args)
      comment = {}
    elseif plain then
      if #comment > 0 then declare(read_comment(comment), plain) end
      comment = {}
    else
      comment = {}
    end
  end
end

local function load_stubs()
  if docs then return end
  docs, order = {}, {}
  local file = io.open(root .. "stubs/index", "r")
  if not file then return end
  for name in file:lines() do
    local stub = name ~= "" and io.open(root .. "stubs/" .. name, "r")
    if stub then
      help.read_stubs(stub:read("*a"))
      stub:close()
    end
  end
  file:close()
end

-- Names with a stub, in the order of the files.
function help.names()
  load_stubs()
  return order
end

-- The stub of a name; x:relu_ has that of x:relu.
function help.stub(name)
  load_stubs()
  name = name:gsub("^vgg%.core%.", "vgg.")
  return docs[name] or docs["vgg." .. name] or docs[(name:gsub("^vgg%.", ""))] or
    docs[(name:gsub("([^_])_$", "%1"))]
end

-- Names of fields and methods documented for a class ("Tensor" -> shape, relu, ...).
function help.members(class)
  load_stubs()
  local members = {}
  for _, name in ipairs(order) do
    local sep, member = name:match("^" .. class:gsub("%p", "%%%0") .. "([.:])([%w_]+)$")
    if member then members[member] = sep == ":" and "method" or "field" end
  end
  return members
end

local function stub_text(doc)
  local lines = { doc.signature }
  for _, text in ipairs(doc.text) do lines[#lines + 1] = "  " .. text end
  for _, p in ipairs(doc.params) do lines[#lines + 1] = "  " .. p end
  local widest = 0
  for _, o in ipairs(doc.options) do widest = math.max(widest, #o.name + #o.default) end
  for _, o in ipairs(doc.options) do
    local left = o.name .. " = " .. o.default
    lines[#lines + 1] = "    " .. left .. (" "):rep(widest + 5 - #left) .. o.text
  end
  return table.concat(lines, "\n")
end

-- ---- sources ----

-- The declaration at a line of a file and the comment right above it.
local function source_text(path, at)
  local file = io.open(path, "r")
  if not file then return end
  local lines = {}
  for line in file:lines() do
    lines[#lines + 1] = line
    if #lines == at then break end
  end
  file:close()
  if #lines < at then return end
  local first, comment = at, {}
  while first > 1 and lines[first - 1]:match("^%s*%-%-") do first = first - 1 end
  for i = first, at - 1 do comment[#comment + 1] = (lines[i]:gsub("^%s*%-+%s?", "")) end
  for i = 1, #comment == 0 and at or 0 do -- without one: what the file says of itself
    local text = lines[i]:match("^%-%-%s?(.*)$")
    if not text then break end
    comment[i] = text
  end
  return lines[at], comment
end

local function short_path(path)
  if root and path:sub(1, #root) == root then return path:sub(#root + 1) end
  return path
end

local function function_help(name, fn)
  local info = debug.getinfo(fn, "S")
  if info.what == "C" then return nil end
  local where = ("%s:%d"):format(short_path(info.source:sub(2)), info.linedefined)
  if info.source:sub(1, 1) ~= "@" then return name .. "(...)   " .. info.short_src end
  local declaration, comment = source_text(info.source:sub(2), info.linedefined)
  if not declaration then return name .. "(...)   " .. where end
  local args = declaration:match("function[^(]*(%b())") or "(...)"
  args = args:gsub("^%(_,%s*", "("):gsub("^%(self,%s*", "(")
  local lines = { name .. args .. "   " .. where }
  for _, text in ipairs(comment) do lines[#lines + 1] = "  " .. text end
  return table.concat(lines, "\n")
end

-- Options a class declares in a table of defaults, as our small layers, optimisers and metrics do.
local function default_options(value)
  local defaults = type(value) == "table" and rawget(value, "defaults")
  return type(defaults) == "table" and util.keys(defaults) or {}
end

local function generic_call(fn)
  return debug.getinfo(fn, "S").source:match("vgg/class%.lua$") ~= nil
end

-- A class or callable table: its constructor's help.
local function table_help(name, value)
  local meta = getmetatable(value)
  local call = type(meta) == "table" and rawget(meta, "__call")
  for _, fn in ipairs { rawget(value, "init") or false, rawget(value, "new") or false,
    call or false } do
    if type(fn) == "function" and not generic_call(fn) then
      local text, options = function_help(name, fn), default_options(value)
      if #options > 0 then text = text .. "\n  options: " .. table.concat(options, ", ") end
      if text then return text end
    end
  end
end

-- ---- lookup ----

-- Names under which a value may be documented.
local function aliases(name, value)
  local list = { name }
  local base, sep, member = name:match("^(.-)([.:])([%w_]+)$")
  if member then
    list[#list + 1] = "Tensor:" .. member
    list[#list + 1] = "Tensor" .. sep .. member
    list[#list + 1] = base .. "." .. member
  end
  local class = pretty.class_name(value)
  if class then list[#list + 1] = class end
  return list
end

-- Help text for a name as typed and the value it has (or nil); nil when there is none.
function help.lookup(name, value)
  local exact = help.stub(name)
  if exact then return stub_text(exact) end
  if type(value) == "function" then
    local text = function_help(name, value)
    if text then return text end
  elseif type(value) == "table" then
    local text = table_help(name, value)
    if text then return text end
  end
  for _, alias in ipairs(aliases(name, value)) do
    local doc = help.stub(alias)
    if doc then return stub_text(doc) end
  end
end

-- Option names of a constructor or method, for completion; the value it has may tell, too.
function help.options(name, value)
  local list = {}
  for _, alias in ipairs(aliases(name)) do
    local doc = help.stub(alias)
    if doc and #doc.options > 0 then
      for _, o in ipairs(doc.options) do list[#list + 1] = o.name end
      return list
    end
  end
  return default_options(value)
end

return help
