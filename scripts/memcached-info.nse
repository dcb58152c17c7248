local bounded = require "bounded"
local datetime = require "datetime"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Shows what a memcached server tells of itself (stats, stats settings), or that it wants a password.
]]

---
-- @usage
-- -p 11211 --script memcached-info
-- @output
-- 11211/tcp open  memcache
-- | memcached-info:
-- |   Process ID: 2
-- |   Uptime: 29 seconds
-- |   Server time: 2026-11-23T06:34:11
-- |   Architecture: 64 bit
-- |   Current connections: 2
-- |_  Authentication: no

author = "trawl contributors"
license = "Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service(11211, "memcached", "tcp")

local MOST = 300  -- Lines.
local FIELDS = { { "Process ID", "pid" }, { "Uptime", "uptime", "%s seconds" },
  { "Server time", "time" }, { "Architecture", "pointer_size", "%s bit" },
  { "Used CPU (user)", "rusage_user" }, { "Used CPU (system)", "rusage_system" },
  { "Current connections", "curr_connections" }, { "Total connections", "total_connections" },
  { "Maximum connections", "maxconns" }, { "TCP Port", "tcpport" }, { "UDP Port", "udpport" } }

-- Adds the values of "STAT name value" until END; false when the server wants a password.
local function ask(reader, socket, command, values)
  if not socket:send(command .. "\r\n") then
    return nil
  end
  for _ = 1, MOST do
    local line = reader:line()
    if not line then
      return nil
    elseif line == "END" then
      return true
    elseif string.find(line, "^CLIENT_ERROR unauthenticated") or
        string.find(line, "^ERROR authentication required") then
      return false
    end
    local name, value = string.match(line, "^STAT (%S+) (.*)$")
    if name then
      values[name] = value
    end
  end
  return nil
end

action = function(host, port)
  local reader, socket = bounded.connect(host, port, { seconds = 10 })
  if not reader then
    return nil
  end
  local values = {}
  local ok = ask(reader, socket, "stats", values)
  if ok then
    ask(reader, socket, "stats settings", values)
  end
  socket:close()
  local output = stdnse.output_table()
  if ok == false then
    output.Authentication = "yes"
    return output
  elseif not ok or not values.pid then
    return nil
  end
  values.time = datetime.format_timestamp(tonumber(values.time) or 0)
  for _, field in ipairs(FIELDS) do
    local value = values[field[2]]
    output[field[1]] = value and string.format(field[3] or "%s", value)
  end
  output.Authentication = values.auth_enabled_sasl or "no"
  return output
end
