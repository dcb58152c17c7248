local bounded = require "bounded"
local shortport = require "shortport"
local string = require "string"

description = [[
Asks a finger server (RFC 1288) who is logged in.
]]

---
-- @usage
-- -p 79 --script finger
-- @output
-- 79/tcp open  finger
-- | finger: Login     Name       Tty      Idle  Login Time   Office\x0D
-- |_root     root      *tty1        1d  Jan  1 10:00\x0D

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service(79, "finger")

local LARGEST = 16384

action = function(host, port)
  local reader, socket = bounded.connect(host, port, { protocol = "tcp", seconds = 8,
    limit = LARGEST })
  if not reader then
    return nil
  end
  local text = socket:send("\r\n") and reader:all()
  socket:close()
  if not string.find(text or "", "%S") then
    return nil
  end
  return (string.gsub(text, "\n$", ""))
end
