-- Pictures in the terminal: what is drawn, and which protocol is taken.
local vgg = require "vgg"
local graphics = require "vgg.show.graphics"
local protocol = require "vgg.show.protocol"
local show = require "vgg.show"
local top = require "vgg.top"

describe("show", function()
  it("draws two rows a line", function()
    vgg.scope(function()
      local x = vgg.tensor { { 0, 1 }, { 1, 0 }, { 0, 1 } }
      assert.equal(" @\n @", show.picture(x, {}))
      assert.equal("\27[38;2;0;0;0m\27[48;2;255;255;255m\226\150\128" ..
        "\27[38;2;255;255;255m\27[48;2;0;0;0m\226\150\128\27[0m",
        show.picture(x:narrow(1, 1, 2), { colour = true }))
      assert.has_error(function() show.picture(vgg.zeros({ 2, 3, 4 }), {}) end)
    end)
  end)

  it("takes the protocol it is told, and refuses others", function()
    vgg.scope(function()
      local x, text = vgg.tensor { { 0, 1 }, { 1, 0 } }, nil
      local function out(s) text = s end
      show(x, { protocol = "ascii", out = out })
      assert.equal(" @\n", text)
      show(x, { protocol = "blocks", out = out })
      assert.matches("\226\150\128", text)
      show(x, { protocol = "sixel", out = out })
      assert.matches("^\27Pq", text)
      show(x, { protocol = "kitty", out = out })
      assert.matches("^\27_Ga=T,f=100", text)
      local ok, why = pcall(show, x, { protocol = "kity", out = out })
      assert.is_false(ok)
      assert.matches("did you mean 'kitty'", why, 1, true)
    end)
  end)
end)

describe("the protocol", function()
  local function detect(environment, answer, colour)
    return protocol.detect(function(name) return environment[name] end, colour ~= false,
      function() return answer end)
  end

  it("is what the environment or the terminal says", function()
    assert.equal("kitty", detect { KITTY_WINDOW_ID = "1", TERM = "xterm-kitty" })
    assert.equal("sixel", detect { TERM = "foot" })
    assert.equal("sixel", detect({ TERM = "xterm" }, "\27[?62;4;22c"))
    assert.equal("kitty", detect({ TERM = "xterm" }, "\27_Gi=31;OK\27\\\27[?62c"))
    assert.equal("blocks", detect({ TERM = "xterm" }, "\27[?64;14;22c"))
    assert.equal("blocks", detect { TERM = "xterm" })
    assert.equal("blocks", detect({ KITTY_WINDOW_ID = "1", TMUX = "x" }, "\27[?1;2c"))
    assert.equal("ascii", detect({ TERM = "dumb", KITTY_WINDOW_ID = "1" }, nil, false))
    assert.equal("sixel", detect { KITTY_WINDOW_ID = "1", VGG_GRAPHICS = "sixel" })
    assert.has_error(function() detect { VGG_GRAPHICS = "sixels" } end)
  end)
end)

-- A small reader of sixels: rows of { r, g, b } in percent.
local function decode(text)
  local w, h = text:match '^\27Pq"1;1;(%d+);(%d+)'
  local body, palette, rows = text:match '^\27Pq"[%d;]*(.*)\27\\$', {}, {}
  for id, r, g, b in body:gmatch "#(%d+);2;(%d+);(%d+);(%d+)" do
    palette[id] = { tonumber(r), tonumber(g), tonumber(b) }
  end
  body = body:gsub("#%d+;2;%d+;%d+;%d+", "")
  local x, top_row, colour, i = 1, 1, nil, 1
  while i <= #body do
    local c = body:sub(i, i)
    local id, n, ch = body:match("^#(%d+)", i), body:match("^!(%d+)(.)", i)
    if id then
      colour, i = palette[id], i + #id + 1
    elseif c == "$" or c == "-" then
      x, top_row, i = 1, c == "-" and top_row + 6 or top_row, i + 1
    else
      i = i + (n and #n + 2 or 1)
      local bits = (n and ch or c):byte() - 63
      for _ = 1, tonumber(n) or 1 do
        for k = 0, 5 do
          if math.floor(bits / 2 ^ k) % 2 == 1 then
            rows[top_row + k] = rows[top_row + k] or {}
            rows[top_row + k][x] = colour
          end
        end
        x = x + 1
      end
    end
  end
  return rows, tonumber(w), tonumber(h)
end

describe("graphics", function()
  it("write base64", function()
    for bytes, text in pairs { [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v",
      ["\255\0\254"] = "/wD+" } do
      assert.equal(text, graphics.base64(bytes))
    end
  end)

  it("write sixels that say every pixel", function()
    local bytes, w, h = {}, 23, 14 -- 322 colours: bins are needed
    for i = 0, w * h - 1 do bytes[#bytes + 1] = string.char(i % 256, (i * 7) % 256, i % 251) end
    local rows, width, height = decode(graphics.sixel(table.concat(bytes), w, h))
    assert.same({ w, h }, { width, height })
    assert.equal(h, #rows)
    for i = 0, w * h - 1 do
      local got = rows[math.floor(i / w) + 1][i % w + 1]
      for c = 1, 3 do
        assert.is_true(math.abs(got[c] - bytes[i + 1]:byte(c) / 2.55) < 4, i .. " " .. c)
      end
    end
  end)
end)

describe("top", function()
  it("names the largest scores", function()
    vgg.scope(function()
      local x = vgg.tensor { { 0.1, 0.7, 0.2, 0, 0, 0, 0, 0, 0, 0 },
        { 0, 0, 0, 0, 0, 0, 1, 0, 0, 0 } }
      assert.equal("automobile 0.70   bird 0.20\nfrog 1.00   airplane 0.00", tostring(x:top(2)))
      assert.equal(1, x:top(1)[1][1].class)
      assert.equal("b 2.00   a 1.00", tostring(vgg.tensor({ 1, 2 }):top(9, { "a", "b" })))
      assert.equal("1 2.00", tostring(vgg.tensor({ 1, 2 }):top(1)))
      assert.is_function(top)
    end)
  end)
end)
