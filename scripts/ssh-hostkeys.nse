local base64 = require "base64"
local bytereader = require "bytereader"
local shortport = require "shortport"
local sshtransport = require "sshtransport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Shows the fingerprints of an SSH server's host keys, of every kind that it has.
]]

---
-- @usage
-- --script ssh-hostkeys
-- @output
-- 22/tcp open  ssh
-- | ssh-hostkeys:
-- |_  256 SHA256:1p0V3yTzS9PDp4rFlTRMpQZ5Dq0jZP8rIbCTXPJPwEs (ssh-ed25519)

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

local have_ssl, openssl = pcall(require, "openssl")

portrule = shortport.port_or_service(22, "ssh")

-- Other kinds of the same key, or certificates for it.
local SAME_KEY = { ["rsa-sha2-256"] = "ssh-rsa", ["rsa-sha2-512"] = "ssh-rsa" }
local BITS = { ["ssh-ed25519"] = 256, ["ssh-ed448"] = 448, ["ecdsa-sha2-nistp256"] = 256,
  ["ecdsa-sha2-nistp384"] = 384, ["ecdsa-sha2-nistp521"] = 521 }
local MOST = 10  -- Kinds that are asked for.

-- The length of an mpint (RFC 4251 section 5).
local function bits_of(number)
  number = string.gsub(number, "^\0+", "")
  local first, bits = string.byte(number) or 0, #number * 8
  local mask = 0x80
  while mask > 0 and first & mask == 0 do
    mask, bits = mask >> 1, bits - 1
  end
  return math.max(bits, 0)
end

local function size_of(blob)
  local ok, kind, bits = bytereader.parse(blob, function(r)
    local kind = r:counted(4)
    if kind == "ssh-rsa" then
      r:counted(4)
      return kind, bits_of(r:counted(4))
    elseif kind == "ssh-dss" then
      return kind, bits_of(r:counted(4))
    end
    return kind, BITS[kind] or 0
  end)
  if ok then
    return kind, bits
  end
  return nil
end

action = function(host, port)
  local lists, why = sshtransport.algorithms(host, port)
  if not lists then
    stdnse.debug1("%s", why)
    return nil
  end
  local asked, count, output, lines = {}, 0, {}, {}
  for _, algorithm in ipairs(lists.server_host_key_algorithms) do
    local kind = SAME_KEY[algorithm] or algorithm
    if not asked[kind] and count < MOST and not string.find(kind, "-cert-v", 1, true) then
      asked[kind], count = true, count + 1
      local blob = sshtransport.host_key(host, port, algorithm)
      local name, bits = nil, nil
      if blob then
        name, bits = size_of(blob)
      end
      if name then
        local key = stdnse.output_table()
        key.type = name
        key.bits = bits
        key.key = base64.enc(blob)
        if have_ssl then
          key.fingerprint = "SHA256:" ..
            string.gsub(base64.enc(openssl.digest("sha256", blob)), "=+$", "")
        end
        output[#output + 1] = key
        lines[#lines + 1] = string.format("  %d %s (%s)", bits, key.fingerprint or key.key,
          string.gsub(name, "[^\x20-\x7e]", "?"))
      end
    end
  end
  if #output == 0 then
    return nil
  end
  return output, "\n" .. table.concat(lines, "\n")
end
