local bounded = require "bounded"
local datetime = require "datetime"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Asks a time server for its clock and, with a control message (RFC 9327), for its variables: version,
processor, system, stratum, reference.
]]

---
-- @usage
-- -sU -p 123 --script ntp-info
-- @output
-- 123/udp open  ntp
-- | ntp-info:
-- |   receive time stamp: 2026-11-23T06:34:50
-- |   version: ntpd 4.2.8p15
-- |   processor: x86_64
-- |_  system: Linux/6.1

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service(123, "ntp", { "udp" })

local EPOCH = 2208988800  -- Seconds from 1900 to 1970.
local MOST = 64           -- Variables.

-- The receive time stamp of a server's answer (RFC 5905 section 7.3).
local function clock(host, port)
  local request = "\xe3\0\4\xfa" .. string.rep("\0", 44)
  local answer = bounded.ask_udp(host, port, request, {
    accept = function(data) return #data >= 48 and string.byte(data) & 7 == 4 end,
  })
  if not answer then
    return nil
  end
  local seconds = string.unpack(">I4", answer, 33)
  -- Era 0 ends in 2036.
  return seconds + (seconds < 0x80000000 and 0x100000000 or 0) - EPOCH
end

-- Fragments of the answer, by offset, until all are there (RFC 9327 section 2).
local function read_variables(host, port)
  local request = string.pack(">BBI2I2I2I2I2", 0x16, 2, 1, 0, 0, 0, 0)
  local parts, total, stop = {}, 0, nil
  bounded.ask_udp(host, port, request, {
    accept = function(data)
      if #data < 12 or string.byte(data) & 7 ~= 6 or string.byte(data, 2) & 0xc0 ~= 0x80 then
        return false
      end
      local offset, count = string.unpack(">I2I2", data, 9)
      if not parts[offset] and total < 16384 then
        parts[offset] = string.sub(data, 13, 12 + count)
        total = total + #parts[offset]
      end
      if string.byte(data, 2) & 0x20 == 0 then
        stop = offset + count
      end
      return stop ~= nil and total >= stop
    end,
  })
  local text, at = "", 0
  while parts[at] and parts[at] ~= "" do
    text = text .. parts[at]
    at = #text
  end
  return text
end

action = function(host, port)
  local output, found = stdnse.output_table(), false
  local now = clock(host, port)
  if now then
    output["receive time stamp"] = datetime.format_timestamp(now)
    found = true
  end
  local count = 0
  local text = string.gsub(read_variables(host, port), '"[^"]*"', function(quoted)
    return (string.gsub(string.sub(quoted, 2, -2), ",", "\1"))
  end)
  for name, value in string.gmatch(text, "%s*([%w_.-]+)=([^,]*)") do
    count = count + 1
    if count > MOST then
      break
    end
    output[name] = (string.gsub(string.gsub(value, "%s+$", ""), "\1", ","))
    found = true
  end
  return found and output or nil
end
