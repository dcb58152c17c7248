--- Base 64 (RFC 4648 section 4).
-- @copyright trawl contributors, Apache-2.0

local string = require "string"
local table = require "table"

local M = {}

local LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local letter_of, value_of = {}, {}
for i = 0, 63 do
  letter_of[i] = string.sub(LETTERS, i + 1, i + 1)
  value_of[string.byte(LETTERS, i + 1)] = i
end

--- Encodes bytes.
function M.enc(data)
  local out = {}
  for at = 1, #data, 3 do
    local a, b, c = string.byte(data, at, at + 2)
    local bits = a << 16 | (b or 0) << 8 | (c or 0)
    out[#out + 1] = letter_of[bits >> 18] .. letter_of[bits >> 12 & 63] ..
      (b and letter_of[bits >> 6 & 63] or "=") .. (c and letter_of[bits & 63] or "=")
  end
  return table.concat(out)
end

--- Decodes; what is no letter of the alphabet is skipped, and the first '=' ends it.
function M.dec(text)
  local out, bits, count = {}, 0, 0
  for at = 1, #text do
    local byte = string.byte(text, at)
    if byte == 0x3d then
      break
    end
    local value = value_of[byte]
    if value then
      bits = (bits << 6 | value) & 0xffffff
      count = count + 6
      if count >= 8 then
        count = count - 8
        out[#out + 1] = string.char(bits >> count & 0xff)
      end
    end
  end
  return table.concat(out)
end

return M
