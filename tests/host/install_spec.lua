-- What `cmake --install` lays down works from where it lies: host, module, header and library.
local process = require "tests.support.process"

local build = process.vgglua:match("^(.*)/[^/]*$") or "build"

describe("an installation", function()
  local prefix, remove

  setup(function()
    prefix, remove = process.directory()
    local r = process.shell(("cmake --install %s --prefix %s"):format(build, prefix))
    prefix = r.code == 0 and prefix or nil
  end)
  teardown(function() remove() end)

  local function ready()
    if os.getenv("VGGLUA_SANITIZE") then return pending("instrumented build") end
    if not prefix then return pending("cmake --install does not run here") end
    return true
  end

  it("has a host that finds its Lua files", function()
    if not ready() then return end
    local code = [[-e 'print(debug.getinfo(require("vgg.util").fail, "S").source)']]
    local r = process.shell(("cd / && %s/bin/vgglua %s"):format(prefix, code))
    assert.equal("@" .. prefix .. "/share/vgglua/lua/vgg/util.lua\n", r.out)
  end)

  it("has a module for a stock luajit", function()
    if not ready() then return end
    local found = process.shell("find " .. prefix .. " -name vgg.so").out:gsub("/vgg.so\n", "")
    local code = [[luajit -e 'print(#require("vgg").version > 0)']]
    local r = process.shell(("cd / && LUA_CPATH=%s/?.so %s"):format(found, code))
    assert.equal("true\n", r.out .. r.err)
  end)

  it("has a header and a library to embed", function()
    if not ready() then return end
    if process.shell("cc --version").code ~= 0 then return pending("no cc") end
    process.write(prefix .. "/embed.c", [[
      #include <stdio.h>
      #include <string.h>
      #include <vgglua/vgglua.h>
      int main(void) {
        const char *text = "return #require('vgg').tensor { 1, 2, 3 }.shape + 41";
        vgglua *v = vgglua_create(NULL);
        int status = v ? vgglua_dostring(v, text, strlen(text), "=text") : -1;
        printf("%d%s\n", status, vgglua_error(v));
        vgglua_close(v);
        return 0;
      }
    ]])
    local lib = process.shell("find " .. prefix .. " -name libvgglua.so").out:gsub("/libv.*", "")
    local r = process.shell(("cd %s && cc -std=c11 -Wall -Wextra -Werror -pedantic -Iinclude " ..
      "embed.c -o embed -L%s -lvgglua -Wl,-rpath,%s && ./embed"):format(prefix, lib, lib))
    assert.equal("42\n", r.out .. r.err)
  end)
end)
