local stdnse = require "stdnse"
local string = require "string"
local tlsciphers = require "tlsciphers"
local tlshello = require "tlshello"
local tlsupgrade = require "tlsupgrade"

description = [[
Lists the versions of TLS that a server speaks, SSL 3 to TLS 1.3, and for each the cipher suites
that it takes, in its order of preference where it has one, with what speaks against them.

Each question is a ClientHello of its own, so a server sees some dozens of connections.
]]

---
-- @usage
-- --script tls-versions-and-ciphers
-- @output
-- 443/tcp open  https
-- | tls-versions-and-ciphers:
-- |   TLSv1.2:
-- |     ciphers:
-- |       TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
-- |       TLS_RSA_WITH_AES_128_CBC_SHA - no forward secrecy
-- |     preference: server
-- |   TLSv1.3:
-- |     ciphers:
-- |       TLS_AES_256_GCM_SHA384 (x25519)
-- |_    preference: client

author = "trawl contributors"
license = "Apache-2.0"
categories = { "discovery", "intrusive" }

portrule = tlsupgrade.rule

action = function(host, port)
  local output, known = stdnse.output_table(), false
  for _, version in ipairs(tlshello.VERSIONS) do
    local found, groups = tlshello.enumerate(host, port, version[1])
    if found then
      known = true
      local entry, ciphers = stdnse.output_table(), {}
      for i, number in ipairs(found) do
        local weakness = tlsciphers.weakness(number)
        ciphers[i] = tlsciphers.name(number) ..
          (groups[number] and " (" .. groups[number] .. ")" or "") ..
          (weakness and " - " .. weakness or "")
      end
      entry.ciphers = ciphers
      local own = tlshello.has_own_order(host, port, version[1], found)
      if own ~= nil then
        entry.preference = own and "server" or "client"
      end
      output[version[1]] = entry
    else
      stdnse.debug1("%s: %s", version[1], string.format("%s", groups))
      if groups == "ERROR" and not known then
        return nil
      end
    end
  end
  return known and output or nil
end
