local bounded = require "bounded"
local httpmessage = require "httpmessage"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Tells the methods that an RTSP server supports, in answer to OPTIONS (RFC 2326 section 10.1).
]]

---
-- @usage
-- -p 554 --script rtsp-methods
-- @output
-- 554/tcp open  rtsp
-- |_rtsp-methods: DESCRIBE, SETUP, PLAY, TEARDOWN, OPTIONS

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "safe" }

portrule = shortport.port_or_service({ 554, 8554 }, "rtsp")

local LONGEST = 1024

action = function(host, port)
  local path = stdnse.get_script_args("rtsp-methods.path") or "*"
  local reader, socket = bounded.connect(host, port, { limit = 65536, seconds = 8 })
  if not reader then
    return nil
  end
  local methods
  if socket:send("OPTIONS " .. path .. " RTSP/1.0\r\nCSeq: 1\r\n\r\n") then
    local line = reader:line(LONGEST)
    local response = { header = {}, rawheader = {}, cookies = {} }
    if string.find(line or "", "^RTSP/%d%.%d 200") and
        httpmessage.read_fields(reader, response) then
      methods = response.header.public or response.header.allow
    end
  end
  socket:close()
  return methods and string.sub(methods, 1, LONGEST) or nil
end
