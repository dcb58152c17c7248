local bounded = require "bounded"
local shortport = require "shortport"
local string = require "string"

description = [[
Reads the time from a daytime server (RFC 867).
]]

---
-- @usage
-- -p 13 --script daytime
-- @output
-- 13/tcp open  daytime
-- |_daytime: Wed Mar 31 14:48:58 MDT 2010

author = "trawl contributors"
license = "Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service(13, "daytime", { "tcp", "udp" })

local LONGEST = 256

action = function(host, port)
  local line
  if port.protocol == "udp" then
    line = bounded.ask_udp(host, port, "\r\n")
  else
    local reader, socket = bounded.connect(host, port, { protocol = "tcp", seconds = 6,
      limit = 1024 })
    if not reader then
      return nil
    end
    line = reader:before("\n", LONGEST)
    socket:close()
  end
  if not line or line == "" then
    return nil
  end
  return (string.gsub(string.sub(line, 1, LONGEST), "\n.*", ""))
end
