-- Help: every function written in C has a stub, stubs agree with the code, sources are read.
require "vgg" -- adds methods written in Lua
local core = require "vgg.core"
local help = require "vgg.help"
local nn = require "vgg.nn"
local optim = require "vgg.optim"
local util = require "vgg.util"

local function names(list) return table.concat(list, " ") end

describe("stubs", function()
  it("exist for every method and field of tensors", function()
    local missing, methods = {}, debug.getmetatable(core.empty({ 1 })).methods
    for _, name in ipairs(util.keys(methods)) do
      if not help.stub("Tensor:" .. name) then missing[#missing + 1] = name end
    end
    assert.equal("", names(missing))
    local members = help.members("Tensor")
    for _, field in ipairs { "shape", "dtype", "device", "ndim", "numel", "grad" } do
      assert.equal("field", members[field])
      assert.is_true(pcall(function() return core.empty({ 1 })[field] end))
    end
  end)

  it("describe no method that is not there", function()
    local methods = debug.getmetatable(core.empty({ 1 })).methods
    for name, kind in pairs(help.members("Tensor")) do
      if kind == "method" then assert.is_function(methods[name], name) end
    end
  end)

  it("exist for every function at the top of the core", function()
    local missing = {}
    for _, name in ipairs(util.keys(core)) do
      if type(core[name]) == "function" and not help.stub("vgg." .. name) then
        missing[#missing + 1] = name
      end
    end
    assert.equal("", names(missing))
  end)

  it("name the options that layers and optimisers know", function()
    for _, part in ipairs { { "nn", nn }, { "optim", optim } } do
      for name, class in pairs(part[2]) do
        local defaults = type(class) == "table" and rawget(class, "defaults")
        if type(defaults) == "table" then
          local listed = help.options(part[1] .. "." .. name)
          table.sort(listed)
          assert.equal(names(util.keys(defaults)), names(listed), name)
        end
        if type(class) == "table" and rawget(class, "__name") and name ~= "Module" then
          assert.is_truthy(help.stub("nn." .. name), name)
        end
      end
    end
    for _, name in ipairs { "Conv2d", "Linear", "BatchNorm2d" } do
      for _, option in ipairs(help.options("nn." .. name)) do
        local ok, message = pcall(core.layer[name], { 3, 4, [option] = {} })
        assert.is_false(ok)
        assert.is_nil(tostring(message):find("unknown option", 1, true), name .. " " .. option)
      end
    end
  end)

  it("are listed in the index", function()
    local listed = {}
    for line in io.lines("lua/stubs/index") do listed[line] = true end
    local pipe = io.popen("ls lua/stubs/*.lua")
    for path in pipe:lines() do
      assert.is_true(listed[path:match("[^/]*$")], path)
      assert.is_function(loadfile(path))
    end
    pipe:close()
  end)
end)

describe("help", function()
  local function has(text, part)
    assert.is_truthy(text and text:find(part, 1, true), tostring(text) .. "\nlacks " .. part)
  end

  it("comes from stubs, with options and results", function()
    local text = help.lookup("nn.Conv2d", nn.Conv2d)
    has(text, "nn.Conv2d(options) -> Module\n")
    has(text, "\n    kernel = required  number or { height, width }\n")
    has(help.lookup("x:relu_"), "max(x, 0)")
    has(help.lookup("vgg.core.cat", core.cat), "Joins tensors")
    assert.is_nil(help.lookup("nothing"))
  end)

  it("comes from the comment above a function written in Lua", function()
    has(help.lookup("u.count", util.count), "u.count(n)   vgg/util.lua:")
    has(help.lookup("u.count", util.count), "\n  1234567 -> \"1,234,567\"")
  end)

  it("reads stubs as editors do", function()
    help.read_stubs("---@class Thing\n---@field size how large\nThing = {}\n\n" ..
      "---Does it.\n---Twice.\n---@option depth 3 how deep\n---@return number\n" ..
      "function Thing:go(a, b) end\n")
    assert.equal("Thing:go(a, b) -> number\n  Does it.\n  Twice.\n    depth = 3  how deep",
      help.lookup("Thing:go"))
    assert.same({ size = "field", go = "method" }, help.members("Thing"))
  end)
end)
