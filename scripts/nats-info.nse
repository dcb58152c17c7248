local bounded = require "bounded"
local json = require "json"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Shows what a NATS server says of itself in its INFO.
]]

---
-- @usage
-- -p 4222 --script nats-info
-- @output
-- 4222/tcp open  nats
-- | nats-info:
-- |   version: 2.9.10
-- |   go: go1.19.4
-- |   auth_required: false
-- |_  max_payload: 1048576

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service(4222, "nats")

local LONGEST = 32768
local FIELDS = { "server_name", "version", "go", "proto", "auth_required", "tls_required",
  "tls_available", "jetstream", "max_payload", "cluster", "client_ip" }

action = function(host, port)
  local reader, socket = bounded.connect(host, port, { protocol = "tcp", seconds = 8 })
  if not reader then
    return nil
  end
  local line = reader:line(LONGEST)
  socket:close()
  local text = string.match(line or "", "^INFO (.*)$")
  if not text then
    return nil
  end
  local ok, info = json.parse(text)
  if not ok or type(info) ~= "table" then
    stdnse.debug1("INFO is no JSON: %s", tostring(info))
    return nil
  end
  local output = stdnse.output_table()
  for _, name in ipairs(FIELDS) do
    local value = info[name]
    if type(value) == "boolean" or type(value) == "number" then
      output[name] = tostring(value)
    elseif type(value) == "string" then
      output[name] = value
    end
  end
  return output
end
