-- Pixels as terminal graphics: rgb is a string of 3 * w * h bytes, row by row.
local graphics = {}

local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

function graphics.base64(bytes)
  local out = {}
  for i = 1, #bytes, 3 do
    local a, b, c = bytes:byte(i, i + 2)
    local n = a * 65536 + (b or 0) * 256 + (c or 0)
    local text = ""
    for shift = 18, 0, -6 do
      local k = math.floor(n / 2 ^ shift) % 64 + 1
      text = text .. alphabet:sub(k, k)
    end
    out[#out + 1] = not b and text:sub(1, 2) .. "==" or not c and text:sub(1, 3) .. "=" or text
  end
  return table.concat(out)
end

-- A PNG by kitty's protocol, in chunks of 4,096 characters.
function graphics.kitty(png)
  local text, parts = graphics.base64(png), {}
  for first = 1, #text, 4096 do
    local more = first + 4096 <= #text and 1 or 0
    local keys = first == 1 and ("a=T,f=100,q=2,m=%d"):format(more) or ("m=%d"):format(more)
    parts[#parts + 1] = ("\27_G%s;%s\27\\"):format(keys, text:sub(first, first + 4095))
  end
  return table.concat(parts)
end

-- At most 256 colours: the fewest low bits are dropped; a bin is drawn in the mean of its colours.
local function quantise(rgb)
  for bits = 0, 7 do
    local step, bins, count, index = 2 ^ bits, {}, 0, {}
    for i = 1, #rgb, 3 do
      local r, g, b = rgb:byte(i, i + 2)
      local key = math.floor(r / step) * 65536 + math.floor(g / step) * 256 + math.floor(b / step)
      local bin = bins[key]
      if not bin then
        bin = { id = count, n = 0, 0, 0, 0 }
        bins[key], count = bin, count + 1
      end
      bin.n, bin[1], bin[2], bin[3] = bin.n + 1, bin[1] + r, bin[2] + g, bin[3] + b
      index[#index + 1] = bin.id
    end
    if count <= 256 then return index, bins end
  end
end

-- One colour's bits of a band of six rows, repeated characters shortened.
local function band_of(index, colour, w, h, top)
  local out, last, run = {}, nil, 0
  local function put()
    if run > 3 then
      out[#out + 1] = ("!%d%s"):format(run, last)
    elseif last then
      out[#out + 1] = last:rep(run)
    end
  end
  for x = 1, w do
    local bits = 0
    for k = 0, math.min(5, h - top - 1) do
      if index[(top + k) * w + x] == colour then bits = bits + 2 ^ k end
    end
    local c = string.char(63 + bits)
    if c == last then
      run = run + 1
    else
      put()
      last, run = c, 1
    end
  end
  put()
  return table.concat(out)
end

function graphics.sixel(rgb, w, h)
  local index, bins = quantise(rgb)
  local out, ids = { ("\27Pq\"1;1;%d;%d"):format(w, h) }, {}
  for _, bin in pairs(bins) do ids[bin.id] = bin end
  for id = 0, 255 do
    local bin = ids[id]
    if not bin then break end
    local function percent(i) return math.floor(bin[i] / bin.n / 255 * 100 + 0.5) end
    out[#out + 1] = ("#%d;2;%d;%d;%d"):format(id, percent(1), percent(2), percent(3))
  end
  for top = 0, h - 1, 6 do
    local used, order = {}, {}
    for i = top * w + 1, math.min(top + 6, h) * w do
      if not used[index[i]] then
        used[index[i]] = true
        order[#order + 1] = index[i]
      end
    end
    table.sort(order)
    for i, id in ipairs(order) do
      out[#out + 1] = ("#%d%s%s"):format(id, band_of(index, id, w, h, top),
        i < #order and "$" or "-")
    end
  end
  out[#out + 1] = "\27\\"
  return table.concat(out)
end

return graphics
