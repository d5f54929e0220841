-- base64(bytes) -> text.
local bit = require "bit"

local digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local pair = {} -- 12 bits -> two digits
for i = 0, 4095 do
  local a, b = math.floor(i / 64) + 1, i % 64 + 1
  pair[i] = digits:sub(a, a) .. digits:sub(b, b)
end

return function(bytes)
  local out, n = {}, 0
  for i = 1, #bytes - 2, 3 do
    local a, b, c = bytes:byte(i, i + 2)
    out[n + 1] = pair[bit.bor(bit.lshift(a, 4), bit.rshift(b, 4))]
    out[n + 2] = pair[bit.bor(bit.lshift(bit.band(b, 15), 8), c)]
    n = n + 2
  end
  local rest = #bytes % 3
  if rest == 1 then
    out[n + 1] = pair[bit.lshift(bytes:byte(-1), 4)] .. "=="
  elseif rest == 2 then
    local a, b = bytes:byte(-2, -1)
    out[n + 1] = pair[bit.bor(bit.lshift(a, 4), bit.rshift(b, 4))] ..
      pair[bit.lshift(bit.band(b, 15), 8)]:sub(1, 1) .. "="
  end
  return table.concat(out)
end
