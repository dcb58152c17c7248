local shortport = require "shortport"
local wiredns = require "wiredns"

description = [[
Tells whether a name server looks up names for anyone. An open resolver can be used to flood others.
]]

---
-- @usage
-- -sU -p 53 --script dns-recursion
-- @output
-- 53/udp open  domain
-- |_dns-recursion: Recursion appears to be enabled

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "safe" }

portrule = shortport.portnumber(53, "udp")

action = function(host, port)
  local packet = wiredns.ask("www.wikipedia.org", { host = host.ip, port = port.number,
    proto = "udp", dtype = "A" })
  -- What the answer is does not matter: the bit RA says what the server would do.
  if not packet or not packet.flags.RA or packet.flags.rcode == 5 then
    return nil
  end
  return "Recursion appears to be enabled"
end
