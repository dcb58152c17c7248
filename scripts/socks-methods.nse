local bounded = require "bounded"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Lists the ways in which a SOCKS 5 proxy has its users authenticate (RFC 1928 section 3); each asked
for alone. A proxy that wants nothing is open to everyone.
]]

---
-- @usage
-- -p 1080 --script socks-methods
-- @output
-- 1080/tcp open  socks
-- | socks-methods:
-- |   accepted:
-- |     No authentication
-- |_  WARNING: the proxy is open to everyone

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "auth", "safe" }

portrule = shortport.port_or_service({ 1080, 9050 }, { "socks", "socks5", "tor-socks" })

local METHODS = { { 0, "No authentication" }, { 1, "GSSAPI" }, { 2, "Username and password" } }

action = function(host, port)
  local accepted, is_socks = {}, false
  for _, method in ipairs(METHODS) do
    local reader, socket = bounded.connect(host, port, { protocol = "tcp", seconds = 5,
      limit = 64 })
    if not reader then
      return nil
    end
    local answer = socket:send("\5\1" .. string.char(method[1])) and reader:bytes(2)
    socket:close()
    if answer and string.byte(answer) == 5 then
      is_socks = true
      if string.byte(answer, 2) == method[1] then
        accepted[#accepted + 1] = method[2]
      end
    elseif not is_socks then
      return nil
    end
  end
  local output = stdnse.output_table()
  output.accepted = #accepted > 0 and accepted or "none of those known"
  if accepted[1] == METHODS[1][2] then
    output.WARNING = "the proxy is open to everyone"
  end
  return output
end
