-- Command-line flags of a script, declared once:
--   local opt = cli { "What the script does.",
--     "Training",                                         -- a heading of --help
--     { "lr", 1e-3, "learning rate", min = 0 },           -- name, default, help; keeps its place
--     model = { "vgg16_bn", "network", choices = { "vgg16_bn", "cifar10net" } },
--   }
-- Types follow the default or `type`: string, number, int, boolean, list, duration, limit.
-- lua-argparse is not used: it has no last-wins note, no suggestion by edit distance, no dotted or
-- underscored spellings, no strict booleans, and it prints and exits by itself.
local util = require "vgg.util"

local cli = {}
local sources = setmetatable({}, { __mode = "k" })

-- Environment variables that stand between the flag and its default.
local environment = { data_root = "VGG_DATA", device = "VGG_DEVICE", threads = "VGG_THREADS" }
-- --trainer.max-epochs, --model.lr and --data.batch-size are --max-epochs, --lr and --batch-size.
local sections = { trainer = true, model = true, data = true }

local function canonical(name) return (name:gsub("-", "_")) end
local function spelling(name) return "--" .. name:gsub("_", "-") end
local function quote(text) return "'" .. text .. "'" end

-- ---- types: text -> value, or nil and what is wanted ----

local parsers = {}

function parsers.string(text) return text end

function parsers.boolean(text)
  if text == "true" then return true end
  if text == "false" then return false end
  return nil, "true or false"
end

function parsers.number(text)
  local n = not text:match("^%s") and not text:lower():find("[xpni]") and tonumber(text)
  if not n then return nil, "a number" end
  return n
end

function parsers.int(text)
  local n = text:match("^[+-]?%d+$") and tonumber(text) or
    text:match("^0[xX]%x+$") and tonumber(text)
  if not n and text:match("^[%d.]+[eE]%+?%d+$") then n = tonumber(text) end
  if not n or n ~= math.floor(n) then return nil, "a whole number" end
  return n
end

function parsers.list(text)
  local list = {}
  for item in (text .. ","):gmatch("%s*([^,]-)%s*,") do
    if item ~= "" then list[#list + 1] = item end
  end
  return list
end

function parsers.duration(text) return util.parse_duration(text) end

-- A number of batches, or a share: 10, 0.25, 25%. Shares stay below 1; all of them is math.huge.
function parsers.limit(text)
  local percent = text:match("^([%d.]+)%%$")
  local n = tonumber(percent or text)
  if not n or n < 0 then return nil, "a number of batches (10) or a share (0.1, 10%)" end
  if percent then n = n / 100 end
  if percent or text:find("%.") then
    if n > 1 then return nil, "a share of at most 1.0, or a whole number of batches" end
    return n == 1 and math.huge or n
  end
  return n
end

local names = {
  string = "TEXT", number = "NUMBER", int = "N", list = "A,B,...", duration = "TIME",
  limit = "N|SHARE",
}

-- ---- declarations ----

local function kind_of(default)
  if type(default) == "table" then return "list" end
  return default == nil and "string" or type(default)
end

local function declare(name, default, help, row)
  local flag = {
    name = canonical(name), default = default, help = help or "", choices = row.choices,
    min = row.min, max = row.max, required = row.required, check = row.check,
    env = row.env or environment[canonical(name)], type = row.type or kind_of(default),
  }
  if not parsers[flag.type] then
    error(("cli: flag '%s' has no type '%s'"):format(name, flag.type), 4)
  end
  flag.alias = type(row.alias) == "string" and { row.alias } or row.alias or {}
  return flag
end

-- spec -> { text, rows (flags and headings in order), by_name, args }
local function read_spec(spec)
  local d = { rows = {}, by_name = {}, args = spec.args }
  local function add(flag)
    d.rows[#d.rows + 1] = flag
    for _, name in ipairs { flag.name, unpack(flag.alias) } do
      if d.by_name[canonical(name)] then error("cli: two flags named '" .. name .. "'", 4) end
      d.by_name[canonical(name)] = flag
    end
  end
  for i, row in ipairs(spec) do
    if type(row) == "table" then
      add(declare(row[1], row[2], row[3], row))
    elseif i == 1 then
      d.text = row
    else
      d.rows[#d.rows + 1] = row
    end
  end
  for _, name in ipairs(util.keys(spec)) do
    local row = spec[name]
    if type(row) == "table" then add(declare(name, row[1], row[2], row)) end
  end
  if not d.by_name.quiet then
    add(declare("quiet", false, "no progress and no notes on stderr", {}))
  end
  return d
end

-- ---- help ----

local function default_text(flag)
  local v = flag.default
  if flag.required then return "required" end
  if v == nil or v == "" then return nil end
  if flag.type == "boolean" then return v and "on" or "off" end
  if flag.type == "list" then return table.concat(v, ",") end
  if flag.type == "duration" then return util.duration(v) end
  if v == math.huge then return "all" end
  if type(v) == "number" then
    if v ~= 0 and math.abs(v) < 0.01 then return (("%g"):format(v):gsub("e%-0", "e-")) end
    return ("%.14g"):format(v)
  end
  return tostring(v)
end

local function flag_lines(flag, width)
  local left = "  " .. spelling(flag.name)
  if flag.type == "boolean" then
    if flag.default then left = "  --[no-]" .. spelling(flag.name):sub(3) end
  else
    left = left .. " " .. names[flag.type]
  end
  local extra = {}
  if flag.choices then
    extra[#extra + 1] = table.concat(flag.choices, " | ")
  end
  local shown = default_text(flag)
  if shown then extra[#extra + 1] = flag.required and shown or "default " .. shown end
  if flag.env then extra[#extra + 1] = "env " .. flag.env end
  local right = flag.help
  if #extra > 0 then right = right .. (" [%s]"):format(table.concat(extra, "; ")) end
  local pad = #left < width and (" "):rep(width - #left) or "\n" .. (" "):rep(width)
  return left .. pad .. right
end

local function help_text(d, program)
  local path = program:find("^vgglua ") and program or "vgglua " .. program
  local lines = { "usage: " .. path .. " [options]" .. (d.args and " " .. d.args or "") }
  if d.text then table.insert(lines, 1, d.text .. "\n") end
  if type(d.rows[1]) == "table" then lines[#lines + 1] = "\nOptions" end
  for _, row in ipairs(d.rows) do
    lines[#lines + 1] = type(row) == "string" and "\n" .. row or flag_lines(row, 30)
  end
  lines[#lines + 1] = "  --help" .. (" "):rep(22) .. "this text"
  return table.concat(lines, "\n")
end

-- ---- parsing ----

local function fail(program, fmt, ...)
  util.fail("usage", "%s: %s", util.basename(program), fmt:format(...))
end

local function all_spellings(d)
  local list = { "--help" }
  for name, flag in pairs(d.by_name) do
    list[#list + 1] = spelling(name)
    if flag.type == "boolean" then list[#list + 1] = "--no-" .. spelling(name):sub(3) end
  end
  table.sort(list)
  return list
end

-- "trainer.max-epochs" -> flag; "no-augment" -> flag, true
local function find(d, name)
  local key = canonical(name)
  local section, rest = key:match("^([%w]+)%.(.+)$")
  if d.by_name[key] then return d.by_name[key] end
  if section and sections[section] then key = rest end
  local flag = d.by_name[key]
  if flag then return flag end
  flag = key:match("^no_") and d.by_name[key:sub(4)]
  if flag and flag.type == "boolean" then return flag, true end
end

local function unknown(d, program, given)
  local section, rest = given:match("^%-%-(%w+)%.(.+)$")
  local candidates = all_spellings(d)
  local near = util.suggest(section and "--" .. rest or given, candidates)
  if not near and section then near = util.suggest("--" .. rest, candidates) end
  fail(program, "unknown option %s.%s", given,
    near and (" Did you mean %s?"):format(near) or " Try --help")
end

-- Value of one flag from text; `from` names what carried it.
local function convert(program, flag, text, from)
  local value, want = parsers[flag.type](text)
  if value == nil then
    if flag.type == "duration" then fail(program, "%s %s", from:gsub("^%-%-", ""), want) end
    fail(program, "%s: want %s, got %s", from, want, quote(text))
  end
  if flag.choices then
    for _, item in ipairs(flag.type == "list" and value or { value }) do
      local ok = false
      for _, c in ipairs(flag.choices) do ok = ok or c == item end
      if not ok then
        local near = util.suggest(tostring(item), flag.choices)
        fail(program, "%s: no %s.%s Choices: %s", from, quote(tostring(item)),
          near and (" Did you mean %s?"):format(quote(near)) or "",
          table.concat(flag.choices, " "))
      end
    end
  end
  if flag.min and value < flag.min then
    fail(program, "%s: want at least %g, got %s", from, flag.min, text)
  end
  if flag.max and value > flag.max then
    fail(program, "%s: want at most %g, got %s", from, flag.max, text)
  end
  if flag.check then
    local ok, why = flag.check(value)
    if not ok then fail(program, "%s: %s", from, why or "not possible: " .. quote(text)) end
  end
  return value
end

-- The text of a flag's value and how many arguments it took.
local function value_text(d, program, flag, negated, given, inline, following)
  if flag.type == "boolean" then
    if negated then
      if inline then fail(program, "%s takes no value", given) end
      return "false", 0
    end
    if inline then return inline, 0 end
    if (following == "true" or following == "false") and not d.args then return following, 1 end
    return "true", 0
  end
  if inline then return inline, 0 end
  if following == nil or (following:sub(1, 2) == "--" and #following > 2) then
    fail(program, "%s needs a value (%s)", given, names[flag.type]:lower())
  end
  return following, 1
end

local function read_argv(d, program, argv, opt, from)
  local i = 1
  while argv[i] ~= nil do
    local a = argv[i]
    if a == "--" and d.args then
      for j = i + 1, #argv do opt[#opt + 1] = argv[j] end
      return
    elseif a:sub(1, 2) == "--" and #a > 2 then
      local name, inline = a:match("^%-%-([^=]*)=?(.*)$")
      if not a:find("=", 1, true) then inline = nil end
      local flag, negated = find(d, name)
      if not flag then unknown(d, program, "--" .. name) end
      local text, used = value_text(d, program, flag, negated, "--" .. name, inline, argv[i + 1])
      local value = convert(program, flag, text, "--" .. name)
      if from[flag.name] == "flag" then
        util.log("note", "note: %s given twice, using %s", spelling(flag.name), text)
      end
      opt[flag.name], from[flag.name] = value, "flag"
      i = i + used
    elseif a:sub(1, 1) == "-" and a ~= "-" then
      unknown(d, program, a)
    elseif d.args then
      opt[#opt + 1] = a
    else
      fail(program, "unexpected argument %s. Options begin with --, see --help", quote(a))
    end
    i = i + 1
  end
end

local function copy(value)
  if type(value) ~= "table" then return value end
  local list = {}
  for i, v in ipairs(value) do list[i] = v end
  return list
end

local function defaults(d, program, opt, from)
  for _, flag in ipairs(d.rows) do
    if type(flag) == "table" and from[flag.name] == nil then
      local set = flag.env and os.getenv(flag.env)
      if set and set ~= "" then
        opt[flag.name] = convert(program, flag, set, flag.env)
        from[flag.name] = "environment " .. flag.env
      elseif flag.required then
        fail(program, "%s is required: %s", spelling(flag.name), flag.help)
      else
        opt[flag.name], from[flag.name] = copy(flag.default), "default"
      end
    end
  end
end

-- Parses argv (default: the script's `arg`) against the declaration and returns the option table:
-- one field a flag (underscores), positional arguments in the array part. Raises error objects:
-- usage (exit 2) and help (exit 0, the text as message).
function cli.parse(spec, argv, program)
  program = program or arg and arg[0] or "script"
  argv = argv or arg or {}
  local d, opt, from = read_spec(spec), {}, {}
  for _, a in ipairs(argv) do
    if a == "--" then break end
    if a == "--help" or a == "-h" then util.fail("help", "%s", help_text(d, program)) end
  end
  read_argv(d, program, argv, opt, from)
  defaults(d, program, opt, from)
  sources[opt] = from
  if opt.quiet then util.quiet(true) end
  return opt
end

-- Where opt[name] came from: "flag", "environment VGG_DATA" or "default".
function cli.source(opt, name) return sources[opt] and sources[opt][name] end

-- cli(spec) is cli.parse; in a stock luajit, which knows no exit codes, it prints and exits itself.
return setmetatable(cli, {
  __call = function(_, spec, argv, program)
    if util.hosted() then return cli.parse(spec, argv, program) end
    local ok, result = pcall(cli.parse, spec, argv, program)
    if ok then return result end
    if not util.is_failure(result) then error(result, 0) end
    local out = result.exit == 0 and io.stdout or io.stderr
    out:write(result.message, "\n")
    os.exit(result.exit, true)
  end,
})
