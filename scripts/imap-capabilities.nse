local bounded = require "bounded"
local shortport = require "shortport"
local string = require "string"
local table = require "table"

description = [[
Lists the capabilities of an IMAP server (RFC 9051 section 6.1.1).
]]

---
-- @usage
-- --script imap-capabilities
-- @output
-- 143/tcp open  imap
-- |_imap-capabilities: STARTTLS IMAP4rev1 IDLE LITERAL+ ID

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "safe" }

portrule = shortport.port_or_service({ 143, 993 }, { "imap", "imaps" })

local MOST = 200

action = function(host, port)
  local secure = port.number == 993 or port.service == "imaps"
  local reader, socket = bounded.connect(host, port, { limit = 65536, seconds = 12,
    protocol = secure and "ssl" or nil })
  if not reader then
    return nil
  end
  local found, known = {}, {}
  if reader:line() and socket:send("a001 CAPABILITY\r\n") then
    for _ = 1, 50 do
      local line = reader:line()
      if not line or string.find(line, "^a001 ") then
        break
      end
      local list = string.match(line, "^%* [Cc][Aa][Pp][Aa][Bb][Ii][Ll][Ii][Tt][Yy] (.*)$")
      for word in string.gmatch(list or "", "%S+") do
        if not known[word] and #found < MOST then
          known[word] = true
          found[#found + 1] = word
        end
      end
    end
    socket:send("a002 LOGOUT\r\n")
  end
  socket:close()
  return #found > 0 and table.concat(found, " ") or nil
end
