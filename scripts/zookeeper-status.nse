local bounded = require "bounded"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Shows what a ZooKeeper server answers to its four-letter words "srvr" and "ruok", where they are
allowed.
]]

---
-- @usage
-- -p 2181 --script zookeeper-status
-- @output
-- 2181/tcp open  eforward
-- | zookeeper-status:
-- |   Zookeeper version: 3.8.0
-- |   Mode: standalone
-- |_  Node count: 5

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service(2181, "zookeeper")

local MOST = 30

local function ask(host, port, word)
  local reader, socket = bounded.connect(host, port, { protocol = "tcp", seconds = 6,
    limit = 8192 })
  if not reader then
    return nil
  end
  local text = socket:send(word) and reader:all()
  socket:close()
  return text
end

action = function(host, port)
  local text = ask(host, port, "srvr")
  if not text then
    return nil
  end
  local output, count = stdnse.output_table(), 0
  for name, value in string.gmatch(text, "([%w%s/]-): ([^\n]*)\n") do
    name = string.gsub(name, "^%s+", "")
    if count < MOST and name ~= "" then
      output[name] = value
      count = count + 1
    end
  end
  if output["Zookeeper version"] then
    return output
  elseif string.find(text, "not in the whitelist", 1, true) then
    output = stdnse.output_table()
    output.ruok = ask(host, port, "ruok") == "imok" and "imok" or nil
    output.srvr = "not allowed"
    return output
  end
  return nil
end
