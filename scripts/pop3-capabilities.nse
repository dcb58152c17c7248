local bounded = require "bounded"
local shortport = require "shortport"
local string = require "string"
local table = require "table"

description = [[
Lists the capabilities of a POP3 server (RFC 2449).
]]

---
-- @usage
-- --script pop3-capabilities
-- @output
-- 110/tcp open  pop3
-- |_pop3-capabilities: TOP UIDL SASL(PLAIN LOGIN) STLS

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "safe" }

portrule = shortport.port_or_service({ 110, 995 }, { "pop3", "pop3s" })

local MOST = 100

action = function(host, port)
  local secure = port.number == 995 or port.service == "pop3s"
  local reader, socket = bounded.connect(host, port, { limit = 65536, seconds = 12,
    protocol = secure and "ssl" or nil })
  if not reader then
    return nil
  end
  local found = {}
  local greeting = reader:line()
  if greeting and string.find(greeting, "^%+OK") and socket:send("CAPA\r\n") then
    local first = reader:line()
    while first and string.find(first, "^%+OK") and #found < MOST do
      local line = reader:line()
      if not line or line == "." then
        break
      end
      local name, arguments = string.match(line, "^(%S+)%s*(.-)%s*$")
      if name then
        found[#found + 1] = arguments ~= "" and name .. "(" .. arguments .. ")" or name
      end
    end
    socket:send("QUIT\r\n")
  end
  socket:close()
  return #found > 0 and table.concat(found, " ") or nil
end
