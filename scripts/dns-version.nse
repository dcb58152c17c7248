local bytereader = require "bytereader"
local shortport = require "shortport"
local stdnse = require "stdnse"
local table = require "table"
local wiredns = require "wiredns"

description = [[
Asks a name server what software it is: version.bind and id.server in class CH (RFC 4892), and its
identifier by NSID (RFC 5001).
]]

---
-- @usage
-- -sU -p 53 --script dns-version
-- @output
-- 53/udp open  domain
-- | dns-version:
-- |   version.bind: 9.18.19-1-Debian
-- |_  id.server: ns1

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service(53, "domain", { "tcp", "udp" })

local function ask(host, port, name)
  local packet = wiredns.ask(name, { host = host.ip, port = port.number, proto = port.protocol,
    dtype = "TXT", class = wiredns.CLASS.CH })
  for _, record in ipairs(packet and packet.answers or {}) do
    if record.dtype == wiredns.types.TXT and record.TXT then
      return table.concat(record.TXT.text)
    end
  end
  return nil
end

-- The option NSID of the OPT record (RFC 6891 section 6.1.2).
local function identifier(host, port)
  local packet = wiredns.ask(".", { host = host.ip, port = port.number, proto = port.protocol,
    dtype = "SOA", nsid = true })
  for _, record in ipairs(packet and packet.add or {}) do
    if record.dtype == wiredns.types.OPT then
      local _, found = bytereader.parse(record.data, function(r)
        while r:left() > 0 do
          local code, data = r:u16(), r:counted(2)
          if code == 3 then
            return data
          end
        end
      end)
      return found
    end
  end
  return nil
end

action = function(host, port)
  local output, found = stdnse.output_table(), false
  local function note(name, value)
    if value and value ~= "" then
      output[name] = value
      found = true
    end
  end
  for _, name in ipairs { "version.bind", "id.server" } do
    note(name, ask(host, port, name))
  end
  note("NSID", identifier(host, port))
  return found and output or nil
end
