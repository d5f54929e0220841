-- Rewriting of typed text: what is an expression, what is unfinished, which locals survive.
local chunk = require "vgg.repl.chunk"
local lex = require "vgg.repl.lex"

local function kind(text)
  local fn, info = chunk.compile(text, "=input")
  if not fn then return info end
  return info.expression and "expression" or "statement"
end

describe("tokens", function()
  local function list(text)
    local out = {}
    for _, t in ipairs(lex.tokens(text)) do out[#out + 1] = t.kind .. ":" .. t.text end
    return out
  end

  it("cover the whole of Lua", function()
    assert.same({ "name:a", "symbol:=", "number:0x1F", "symbol:..", "string:'x\\'y'",
      "comment:--[[ c\n]]", "symbol:==", "number:1e-5", "symbol:...", "string:[=[ ]] ]=]",
      "keyword:end", "number:.5", "symbol:~=" },
      list "a = 0x1F ..'x\\'y' --[[ c\n]] == 1e-5 ... [=[ ]] ]=] end .5 ~=")
  end)

  it("mark what the text ends inside of", function()
    for text, open in pairs { ["'abc"] = true, ["'abc'"] = false, ["[[abc"] = true,
      ["-- abc"] = true, ["-- abc\n"] = false, ["--[[ abc"] = true, ['"a\\"'] = true } do
      local tokens = lex.tokens(text)
      assert.equal(open, tokens[#tokens].open, text)
    end
  end)
end)

describe("an entry", function()
  it("is an expression, a statement, empty or wrong", function()
    for text, want in pairs {
      ["1 + 1"] = "expression", ["f()"] = "expression", ["a, b"] = "expression",
      ["= 5"] = "expression", ["1 -- one"] = "expression", ["'x' --[[ c ]]"] = "expression",
      ["x = 1"] = "statement", ["local x"] = "statement", ["return 1"] = "statement",
      ["for i = 1, 2 do end"] = "statement", ["x = 1; y = 2;"] = "statement",
      ["f(); g.x"] = "expression", ["local x = 1; x + 1 -- sum"] = "expression",
      ["for i = 1, 2 do f(); g end"] = "error",
      [""] = "empty", ["   "] = "empty", ["-- only words"] = "empty",
      ["x y"] = "error", ["end"] = "error", ["x = }"] = "error", ['"abc'] = "error",
      ["goto 1"] = "error", ["1 = x"] = "error",
    } do
      assert.equal(want, kind(text), text)
    end
  end)

  it("is unfinished only when the end of the input is to blame", function()
    for _, text in ipairs { "for i = 1, 2 do", "f(", "x =", "x = {", "1 +", "local function f()",
      "if a then b()", "[[long", "--[[ long", "repeat", "a.b:", '"abc\\', "x = function()",
      "local", "not", "{ 1,\n2," } do
      assert.equal("incomplete", kind(text), text)
    end
  end)

  it("is silenced by a semicolon at its end", function()
    for text, silent in pairs { ["x;"] = true, ["x ; -- so"] = true, ["x"] = false,
      ["'a;'"] = false, ["x -- ;"] = false } do
      local fn, info = chunk.compile(text, "=input")
      assert.is_function(fn)
      assert.equal(silent, info.silent, text)
    end
  end)

  it("keeps every result of an expression, nils and all", function()
    local function identity(...) return ... end
    local env = { [chunk.identity] = identity, f = function() return 1, nil end }
    local function count(text)
      return select("#", setfenv(assert(chunk.compile(text, "=input")), env)())
    end
    assert.equal(2, count "f()")
    assert.equal(1, count "(f())")
    assert.equal(3, count "nil, f()")
    assert.equal(0, count "(function() end)()")
  end)
end)

describe("locals", function()
  local function check(text, want) assert.equal(want, chunk.globalise(text)) end

  it("at the top level become variables, in place", function()
    check("local x = 1", "      x = 1")
    check("local x", "      x=nil")
    check("local a, b", "      a, b=nil")
    check("local a, b = 1", "      a, b = 1")
    check("local function f() end", "      function f() end")
    check("local x -- c\nlocal y = 2", "      x=nil -- c\n      y = 2")
    check("x = 1 local y local z = 3", "x = 1       y=nil       z = 3")
  end)

  it("inside blocks, strings and comments stay", function()
    for _, text in ipairs { "do local x = 1 end", "for i = 1, 2 do local y = i end",
      "x = 'local y'", "-- local x", "f(function() local q = 1 return q end)",
      "if a then local b elseif c then local d else local e end", "while a do local b end",
      "repeat local x = 1 until x", "x = [[\nlocal y\n]]", "t = { f = function() local x end }" } do
      check(text, text)
    end
    check("repeat local x = 1 until x local y", "repeat local x = 1 until x       y=nil")
    check("local function f() local x end local y", "      function f() local x end       y=nil")
  end)

  it("outlive the entry and are shared with the functions that use them", function()
    local env = setmetatable({}, { __index = _G })
    for _, text in ipairs { "local n = 1", "local function up() n = n + 1 return n end",
      "local a, b = up(), up()", "n = 10", "local c = up()" } do
      setfenv(assert(chunk.compile(text, "=input")), env)()
    end
    assert.same({ 2, 3, 11, 11 }, { env.a, env.b, env.c, env.n })
    assert.is_nil(rawget(_G, "up"))
  end)
end)
