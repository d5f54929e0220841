-- Sums and names as W&B writes them.
local core = require "vgg.core"

local digest = {}

local letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

-- Base64 of a string, padded.
function digest.base64(s)
  local out = {}
  for i = 1, #s, 3 do
    local a, b, c = s:byte(i, i + 2)
    local v = a * 65536 + (b or 0) * 256 + (c or 0)
    for k = 0, 3 do
      local at = math.floor(v / 64 ^ (3 - k)) % 64
      out[#out + 1] = (k == 2 and not b or k == 3 and not c) and "=" or letters:sub(at + 1, at + 1)
    end
  end
  return table.concat(out)
end

function digest.sha256(bytes) return core.io.digest("sha256", bytes) end
function digest.md5(bytes) return core.io.digest("md5", bytes) end

-- The MD5 as base64.
function digest.md5_base64(bytes)
  local raw = digest.md5(bytes):gsub("..", function(h) return string.char(tonumber(h, 16)) end)
  return digest.base64(raw)
end

-- Digest of an artifact with entries { path =, digest = base64 md5 }.
function digest.artifact(entries)
  local sorted, text = {}, { "wandb-artifact-manifest-v1\n" }
  for i, e in ipairs(entries) do sorted[i] = e end
  table.sort(sorted, function(a, b) return a.path < b.path end)
  for _, e in ipairs(sorted) do text[#text + 1] = ("%s:%s\n"):format(e.path, e.digest) end
  return digest.md5(table.concat(text))
end

-- CRC-32 as zlib's.
function digest.crc32(s)
  local bit = require "bit"
  local crc = -1
  for i = 1, #s do
    crc = bit.bxor(crc, s:byte(i))
    for _ = 1, 8 do
      crc = bit.bxor(bit.rshift(crc, 1), bit.band(0xEDB88320, -bit.band(crc, 1)))
    end
  end
  return bit.bnot(crc) % 2 ^ 32
end

-- A name without what an artifact's may not hold; the rest is told apart by a check sum.
function digest.artifact_name(name)
  local clean = name:gsub("[^%w_.-]", "")
  if clean == name then return name end
  local v = digest.crc32(name)
  local raw = string.char(math.floor(v / 2 ^ 24), math.floor(v / 2 ^ 16) % 256,
    math.floor(v / 256) % 256, v % 256)
  return clean .. "-" .. digest.base64(raw):gsub("=", ""):gsub("+", "-"):gsub("/", "_")
end

return digest
