local shortport = require "shortport"
local sshtransport = require "sshtransport"
local stdnse = require "stdnse"
local table = require "table"

description = [[
Lists the algorithms that an SSH server offers for key exchange, host keys, encryption, integrity
and compression. Those that RFC 9142 and RFC 8758 no longer allow are marked.
]]

---
-- @usage
-- --script ssh-algorithms
-- @output
-- 22/tcp open  ssh
-- | ssh-algorithms:
-- |   kex_algorithms:
-- |     curve25519-sha256
-- |     diffie-hellman-group1-sha1 - not to be used
-- |   server_host_key_algorithms:
-- |_    ssh-ed25519

author = "trawl contributors"
license = "Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service(22, "ssh")

-- RFC 9142 ("SHOULD NOT", "MUST NOT"), RFC 8758, RFC 8332 section 3, RFC 6151.
local BAD = { ["diffie-hellman-group1-sha1"] = true, ["diffie-hellman-group-exchange-sha1"] = true,
  ["rsa1024-sha1"] = true, ["ssh-dss"] = true, ["ssh-rsa"] = true, ["arcfour"] = true,
  ["arcfour128"] = true, ["arcfour256"] = true, ["3des-cbc"] = true, ["des-cbc"] = true,
  ["blowfish-cbc"] = true, ["hmac-md5"] = true, ["hmac-md5-96"] = true, ["hmac-sha1-96"] = true,
  ["none"] = true }
local MOST = 100

-- Names with a mark for what should not be used.
local function marked(list, is_compression)
  local names = {}
  for i, name in ipairs(list) do
    if i > MOST then
      break
    end
    names[i] = name .. (BAD[name] and not is_compression and " - not to be used" or "")
  end
  return names
end

action = function(host, port)
  local lists, why = sshtransport.algorithms(host, port)
  if not lists then
    stdnse.debug1("%s", why)
    return nil
  end
  local output = stdnse.output_table()
  for _, name in ipairs(sshtransport.LISTS) do
    local list = lists[name]
    -- Server to client is told only where it differs.
    local other = string.match(name, "^(.*)_s2c$")
    local same = other and lists[other] and
      table.concat(list, ",") == table.concat(lists[other], ",")
    if #list > 0 and not same then
      output[name] = marked(list, string.find(name, "^compression") ~= nil)
    end
  end
  return output
end
