-- Completion is a pure function of line, cursor and context.
local complete = require "vgg.repl.complete".complete

local model = setmetatable({ block1 = { weight = 1 }, _hidden = 1 }, {
  __index = { forward = function() end, parameters = function() end, training = true },
})
local values = {
  model = model, modulo = 1, nn = { Conv2d = setmetatable({}, { __call = print }), relu = print },
  list = { { name = "x", nested = { deep = 1 } } }, text = "abc", show = function() end,
}
local files = {
  ["."] = { "data/", "deep.lua", ".hidden", "readme" }, ["data/"] = { "cifar.bin", "cats/" },
}
local context = {
  lookup = function(name) return values[name] end,
  names = function()
    local list = {}
    for name in pairs(values) do list[#list + 1] = name end
    table.sort(list)
    return list
  end,
  list = function(dir) return files[dir] end,
  options = function(callee)
    if callee == "nn.Conv2d" then return { "kernel", "pad", "padding_mode", "stride" } end
    if callee == "x:max_pool2d" or callee == "model:forward" then return { "kernel" } end
    return {}
  end,
  commands = function() return { ":mem", ":reload", ":time" } end,
  docs = function() return { "Tensor:relu", "nn.Linear" } end,
  members = function(class)
    return class == "Tensor" and { shape = "field", softmax = "method" } or {}
  end,
}

-- `|` in the line is the cursor.
local function at(line)
  local cursor = line:find("|", 1, true) - 1
  local start, words = complete(line:gsub("|", "", 1), cursor, context)
  return line:sub(start + 1, cursor), words
end

local function check(line, prefix, words)
  local got, list = at(line)
  assert.equal(prefix, got, line)
  assert.same(words, list, line)
end

describe("completion", function()
  it("offers variables, functions with a bracket, and keywords", function()
    check("mod|", "mod", { "model", "modulo" })
    check("x = sho|", "sho", { "show(" })
    check("sho|(1)", "sho", { "show" })
    check("whi|", "whi", { "while" })
    check("zzz|", "zzz", {})
  end)

  it("offers fields through metatables, hiding _names unless asked for", function()
    check("model.|", "", { "block1", "forward(", "parameters(", "training" })
    check("model._|", "_", { "_hidden" })
    check("model.blo|", "blo", { "block1" })
    check("print(model.block1.w|", "w", { "weight" })
    check("model . for|", "for", { "forward(" })
    check("nn.|", "", { "Conv2d", "relu(" })
    check("nothing.|", "", {})
    check("f().x|", "x", {})
    check("model(f(1)):so|", "so", { "softmax(" })
  end)

  it("offers only functions after a colon, string methods included", function()
    check("model:|", "", { "forward(", "parameters(" })
    local _, words = at("text:up|")
    assert.same({ "upper(" }, words)
  end)

  it("follows numbers and strings in brackets", function()
    check("list[1].na|", "na", { "name" })
    check("list[1]['nested'].d|", "d", { "deep" })
    check("list[i].na|", "na", {})
  end)

  it("offers files inside strings", function()
    check("open('|", "", { "data/", "deep.lua", "readme" })
    check('open("de|', "de", { "deep.lua" })
    check("open('data/c|", "c", { "cats/", "cifar.bin" })
    check("open('.h|", ".h", { ".hidden" })
    check("x = [[da|", "da", { "data/" })
    check("$ cat data/ci|", "ci", { "cifar.bin" })
    check("open('nowhere/x|", "x", {})
  end)

  it("offers the options of a constructor where a key may stand", function()
    check("nn.Conv2d { 3, 64, pa|", "pa", { "pad = ", "padding_mode = " })
    check("nn.Conv2d{|", "", { "kernel = ", "pad = ", "padding_mode = ", "stride = " })
    check("nn.Conv2d({ kernel = 3, st|", "st", { "stride = " })
    check("x:max_pool2d { ker|", "ker", { "kernel = " })
    check("nn.Conv2d { kernel = mod|", "mod", { "model", "modulo" })
    check("nn.Conv2d { f(mod|", "mod", { "model", "modulo" })
    check("nn.Conv2d { 3, mod|", "mod", { "model", "modulo" })
    check("{ mod|", "mod", { "model", "modulo" })
  end)

  it("offers commands and help topics", function()
    check(":|", ":", { ":mem", ":reload", ":time" })
    check(":re|", ":re", { ":reload" })
    check(":time mod|", "mod", { "model", "modulo" })
    check("?nn.L|", "nn.L", { "nn.Linear" })
    check("?model.blo|", "model.blo", {})
  end)

  it("keeps out of comments and numbers, and indents an empty line", function()
    check("x -- mod|", "", {})
    check("12|", "", {})
    check("|", "", { "  " })
    check("for i = 1, 2 do\n|", "", { "  " })
  end)

  it("never raises, whatever the text", function()
    local pieces = { "model", ".", ":", "{", "}", "(", "[", "]", "1", "'", '"', "--", "[[", " ",
      "nn.Conv2d", ",", "=", "?", "$", "\n", "end" }
    local seed = 7
    for _ = 1, 3000 do
      local parts = {}
      for i = 1, 6 do
        seed = (seed * 1103515245 + 12345) % 2 ^ 31
        parts[i] = pieces[math.floor(seed / 65536) % #pieces + 1]
      end
      local line = table.concat(parts)
      for cursor = 0, #line do
        local start, words = complete(line, cursor, context)
        assert(start >= 0 and start <= cursor and type(words) == "table", line)
      end
    end
  end)

  it("knows the layers of a model inside a string", function()
    local nn = require "vgg.nn"
    values.net = nn.Sequential { nn.Conv2d { 3, 4, kernel = 1 },
      nn.Sequential { nn.ReLU {}, nn.Flatten {} } }
    finally(function() values.net = nil end)
    local word, words = at 'probe(net, "|'
    assert.equal("", word)
    assert.same({ "0", "1." }, words)
    word, words = at 'p = probe(net, "1.|'
    assert.equal("1.", word)
    assert.same({ "1.0", "1.1" }, words)
    assert.same({ "1.1" }, select(2, at 'net:register_forward_hook("1.1|'))
    assert.same({ "0", "1." }, select(2, at "net:get '|"))
    assert.same({ "0" }, select(2, at 'vgg.probe.top_images(net, "0|'))
    assert.same({ "data/" }, select(2, at 'open("da|'))
    assert.same({ "data/" }, select(2, at 'probe(nothing, "da|'))
  end)
end)
