local bounded = require "bounded"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local stringaux = require "stringaux"

description = [[
Lists the extensions that a mail server answers EHLO with (RFC 5321 section 4.1.1.1).
]]

---
-- @usage
-- --script smtp-capabilities
-- @output
-- 25/tcp open  smtp
-- | smtp-capabilities:
-- |   greeting: mail.lab.test ESMTP Postfix
-- |   extensions:
-- |     PIPELINING
-- |_    STARTTLS

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service({ 25, 465, 587 }, { "smtp", "smtps", "submission" })

local function converse(reader, socket)
  local code, lines = reader:numbered_reply()
  if code ~= 220 then
    return nil
  end
  local output = stdnse.output_table()
  output.greeting = lines[1] and stringaux.strsplit("\n", lines[1])[1]
  socket:send("EHLO trawl.invalid\r\n")
  code, lines = reader:numbered_reply()
  if code == 250 then
    local extensions = {}
    for i = 2, #lines do
      extensions[#extensions + 1] = lines[i]
    end
    output.extensions = extensions
  else
    socket:send("HELO trawl.invalid\r\n")
    output.extensions = reader:numbered_reply() == 250 and "none" or nil
  end
  socket:send("QUIT\r\n")
  return output
end

action = function(host, port)
  local secure = port.number == 465 or string.find(port.service or "", "smtps", 1, true)
  local reader, socket = bounded.connect(host, port, { limit = 65536, seconds = 30,
    protocol = secure and "ssl" or nil })
  if not reader then
    return nil
  end
  local output = converse(reader, socket)
  socket:close()
  return output
end
