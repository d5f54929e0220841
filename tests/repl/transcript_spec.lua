-- The prompt through a pipe (vgglua -i): results on stdout, errors on stderr, nothing else.
local process = require "tests.support.process"

local function session(lines, arguments)
  return process.run(arguments or { "-i" }, { stdin = table.concat(lines, "\n") .. "\n" })
end

-- Output of a session that must go well.
local function output(...)
  local r = session { ... }
  assert.equal("", r.err)
  assert.equal(0, r.code)
  return r.out
end

local function errors(...)
  local r = session { ... }
  assert.equal(1, r.code)
  return r.err, r.out
end

describe("the prompt on a pipe", function()
  it("shows values, nils included, without banner, prompt or colour", function()
    assert.equal("2\nnil\nnil   nil\n1   nil   3\n",
      output("1 + 1", "nil", "nil, nil", "1, nil, 3"))
    assert.equal("", output("x = 1", "(function() end)()", "-- nothing", ""))
    assert.equal("5\n", output("= 5"))
  end)

  it("is silenced by a semicolon", function()
    assert.equal("3\n", output("1;", "x = 2;", "x + 1"))
  end)

  it("keeps locals, functions included, and shares them", function()
    assert.equal("7\n1\n2\n2\n", output("local x, y = 3, 4", "x + y", "local n = 0",
      "local function up() n = n + 1 return n end", "up()", "up()", "n"))
  end)

  it("takes entries of several lines", function()
    assert.equal("1\n2\n{ a = 1 }\nline\ntwo\n", output("for i = 1, 2 do", "  print(i)", "end",
      "t = {", "  a = 1,", "}", "t", "print [[line", "two]]"))
  end)

  it("remembers results in turn", function()
    assert.equal("10\n11\n21\n21   11   10\nnil\n21\n", output("10", "11", "_ + _2", "_1, _2, _3",
      "nil", "_"))
    local many = {}
    for i = 1, 20 do many[i] = tostring(i) .. ";" end
    many[21] = "_9"
    assert.equal("12\n", output(unpack(many)))
  end)

  it("adds nothing to the globals of scripts", function()
    assert.equal("nil\nnil\ntrue\n", output("x = 1", "vgg;", "rawget(_G, 'x')", "rawget(_G, 'vgg')",
      "print == _G.print and require == _G.require"))
  end)

  it("shows errors with the user's frames only", function()
    local err, out = errors("local function f(t) return t.a.b end", "f({})", "1")
    assert.equal("error: attempt to index field 'a' (a nil value)\n" ..
      "  input 1:1: local function f(t) return t.a.b end\n  input:1: f({})\n", err)
    assert.equal("1\n", out)
    err = errors("for i = 1, 2 do", "  error('two')", "end")
    assert.equal("error: two\n  input:2: error('two')\n", err)
    err = errors("require('vgg.util').fail('data', 'data: damaged')")
    assert.matches("^error: data: damaged\n  input:1: ", err)
    assert.matches("^error: a table value", (errors("error({})"):gsub("an error .* but ", "")))
  end)

  it("shows syntax errors at once, with a caret", function()
    assert.equal("error: '=' expected near 'y'\n  x y\n    ^\n", (errors("x y")))
    assert.equal("error: unexpected symbol near '}'\n  x = }\n      ^\n", (errors("x = }")))
    assert.matches("unfinished string", (errors('"abc')))
    assert.equal("error: the input ends in the middle of an entry\n", (errors("f(")))
  end)

  it("names variables that do not exist, and the likely ones", function()
    local err = errors("local model = 1", "modle")
    assert.matches("^error: no variable 'modle' %(did you mean 'model'%?%)\n", err)
    assert.equal("nil\n", output("local x", "x"))
    assert.equal("nil\n", output("x = nil", "x"))
  end)

  it("has the library at hand and shows tensors", function()
    assert.equal("Tensor 2 float32 cpu\n  1.0  2.0\nTensor 2 float32 cpu\n  1.0  2.0\n",
      output("vgg.tensor { 1, 2 }", "_"))
    assert.matches("^no field 'wieght'", (errors("vgg.tensor({1}).wieght"):gsub("error: ", "")))
  end)

  it("lists variables, memory and times", function()
    assert.equal("n     1\nx     Tensor 2 float32 cpu   min 1.00 max 2.00 mean 1.50 std 0.71\n",
      output("n = 1", "x = vgg.tensor { 1, 2 };", "who()"))
    assert.matches("tensors  %d+ B live", output("x = vgg.tensor { 1, 2 };", ":mem"))
    assert.matches("median of %d+", output(":time 1 + 1"))
    assert.matches("error: boom", (errors(":time error('boom')")))
    assert.matches("no command ':tmie' %(did you mean 'time'%?%)", (errors(":tmie 1")))
  end)

  it("runs shell commands and gives help", function()
    assert.equal("hello\n", output("$ echo hello"))
    assert.equal(1, session({ "$ false" }).code)
    assert.matches(":reload MODULE", output("?"))
    assert.matches("util.count%(n%).*1234567 %-> \"1,234,567\"",
      output("util = require 'vgg.util';", "?util.count"))
    assert.matches("no help on 'nothing'", (errors("?nothing")))
    assert.matches("a function of Lua", output("?print"))
  end)

  it("saves a session without what failed", function()
    local dir, remove = process.directory()
    finally(remove)
    local file = dir .. "/saved.lua"
    local err, out = errors("x = 1", "error('no')", "x + 1;", ":save " .. dir .. "/saved")
    assert.matches("^error: no\n", err)
    assert.equal("2 entries in " .. file .. "\n", out)
    assert.equal("x = 1\nx + 1;\n", process.shell("cat " .. file).out)
    assert.matches("is there already", (errors(":save " .. file)))
  end)

  it("reloads a changed module for whoever holds it", function()
    local dir, remove = process.directory()
    finally(remove)
    local path = dir .. "/part.lua"
    process.write(path, "return { value = function() return 1 end }")
    assert.equal("1\nloaded part again\n2\n", output(
      ("package.path = %q .. package.path"):format(dir .. "/?.lua;"), "local part = require 'part'",
      "part.value()", ("$ echo 'return { value = function() return 2 end }' > %s"):format(path),
      ":reload part", "part.value()"))
    assert.matches("no module 'nothing' is loaded", (errors(":reload nothing")))
  end)

  it("ends with the code that os.exit asks for", function()
    assert.equal(7, session({ "os.exit(7)", "1" }).code)
  end)
end)

describe("vgglua -i script", function()
  it("keeps the locals of the script", function()
    local dir, remove = process.directory()
    finally(remove)
    process.write(dir .. "/probe.lua", "local answer = 42\n" ..
      "local function twice(x) return 2 * x end\nprint('args', ...)\n")
    local r = session({ "answer", "twice(answer)" }, { "-i", dir .. "/probe.lua", "a" })
    assert.equal("args\ta\n42\n84\n", r.out)
    process.write(dir .. "/broken.lua", "local x = 1\nerror('stop')\n")
    r = session({ "x" }, { "-i", dir .. "/broken.lua" })
    assert.equal(1, r.code)
    assert.matches("error: .*broken.lua:2: stop", r.err)
  end)
end)
