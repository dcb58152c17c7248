local bounded = require "bounded"
local bytereader = require "bytereader"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Asks a STUN server (RFC 8489) from which address it sees us.
]]

---
-- @usage
-- -sU -p 3478 --script stun-info
-- @output
-- 3478/udp open  stun
-- | stun-info:
-- |_  External IP: 192.0.2.1

author = "trawl contributors"
license = "Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service(3478, "stun", "udp")

local COOKIE = 0x2112A442
local MAPPED, XOR_MAPPED, SOFTWARE = 0x0001, 0x0020, 0x8022

local function address_of(kind, value)
  local family, data = string.byte(value, 2), string.sub(value, 5)
  if family ~= 1 or #data ~= 4 then
    return nil
  end
  local number = string.unpack(">I4", data)
  if kind == XOR_MAPPED then
    number = number ~ COOKIE
  end
  return table.concat({ string.byte(string.pack(">I4", number), 1, 4) }, ".")
end

local function read_attributes(r)
  local found = {}
  r:skip(20)
  while r:left() >= 4 do
    local kind, value = r:u16(), r:counted(2)
    r:skip(math.min(-#value % 4, r:left()))
    if (kind == MAPPED or kind == XOR_MAPPED) and #value >= 8 then
      found.ip = address_of(kind, value) or found.ip
    elseif kind == SOFTWARE then
      found.software = value
    end
  end
  return found
end

action = function(host, port)
  local id = ""
  for _ = 1, 12 do
    id = id .. string.char(math.random(0, 255))
  end
  local answer = bounded.ask_udp(host, port, string.pack(">I2I2I4", 1, 0, COOKIE) .. id, {
    accept = function(data)
      return #data >= 20 and string.unpack(">I2", data) == 0x0101 and string.sub(data, 9, 20) == id
    end,
  })
  if not answer then
    return nil
  end
  local _, found = bytereader.parse(answer, read_attributes)
  if type(found) ~= "table" or not found.ip then
    return nil
  end
  local output = stdnse.output_table()
  output["External IP"] = found.ip
  return output
end
