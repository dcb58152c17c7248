local bounded = require "bounded"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Lists the modules that an rsync daemon tells of.
]]

---
-- @usage
-- -p 873 --script rsync-modules
-- @output
-- 873/tcp open  rsync
-- | rsync-modules:
-- |   protocol: 31.0
-- |   modules:
-- |_    lab: files of the lab

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service(873, "rsync")

local MOST = 200

action = function(host, port)
  local reader, socket = bounded.connect(host, port, { seconds = 10 })
  if not reader then
    return nil
  end
  local output, modules, count = stdnse.output_table(), stdnse.output_table(), 0
  local version = string.match(reader:line() or "", "^@RSYNCD: ([%d.]+)")
  if version and socket:send("@RSYNCD: 30.0\n\n") then
    output.protocol = version
    for _ = 1, MOST * 2 do
      local line = reader:line()
      if not line or string.find(line, "^@RSYNCD: EXIT") or string.find(line, "^@ERROR") then
        break
      end
      -- Other lines are the message of the day.
      local name, comment = string.match(line, "^(%S+)%s*\t(.-)%s*$")
      if name and count < MOST then
        modules[name] = comment
        count = count + 1
      end
    end
  end
  socket:close()
  if not version then
    return nil
  end
  output.modules = count > 0 and modules or nil
  return output
end
