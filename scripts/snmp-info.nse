local ber = require "ber"
local bounded = require "bounded"
local datetime = require "datetime"
local math = require "math"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Asks an SNMP agent who it is, as every manager does before it authenticates (RFC 3414 section 4):
the engine's identifier, how often it was started and how long ago.
]]

---
-- @usage
-- -sU -p 161 --script snmp-info
-- @output
-- 161/udp open  snmp
-- | snmp-info:
-- |   enterprise: net-snmp
-- |   engineIDFormat: unknown
-- |   engineIDData: 5180c3414ade036b00000000
-- |   snmpEngineBoots: 1
-- |_  snmpEngineTime: 49s

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "version", "safe" }

portrule = shortport.version_port_or_service(161, "snmp", "udp")

-- IANA's private enterprise numbers of agents that are often met.
local ENTERPRISES = { [2] = "IBM", [9] = "ciscoSystems", [11] = "Hewlett-Packard", [42] = "Sun",
  [43] = "3Com", [311] = "Microsoft", [318] = "APC", [674] = "Dell", [1588] = "Brocade",
  [1916] = "Extreme Networks", [2011] = "Huawei", [2021] = "ucdavis", [2636] = "Juniper Networks",
  [3375] = "F5", [6027] = "Force10", [6876] = "VMware", [8072] = "net-snmp", [12325] = "FreeBSD",
  [12356] = "Fortinet", [14988] = "MikroTik", [25506] = "H3C", [30065] = "Arista" }

-- A GetRequest of SNMPv3 without user, reportable.
local function discovery(id)
  local security = ber.encode(0x30, ber.encode(0x04), ber.integer(0), ber.integer(0),
    ber.encode(0x04), ber.encode(0x04), ber.encode(0x04))
  local pdu = ber.encode(0xa0, ber.integer(id), ber.integer(0), ber.integer(0), ber.encode(0x30))
  return ber.encode(0x30, ber.integer(3),
    ber.encode(0x30, ber.integer(id), ber.integer(65507), ber.encode(0x04, "\4"), ber.integer(3)),
    ber.encode(0x04, security), ber.encode(0x30, ber.encode(0x04), ber.encode(0x04), pdu))
end

-- The security parameters of an answer.
local function parameters(data)
  local message = ber.decode(data)
  local inner = message and message.children and message.children[3]
  local decoded = inner and inner.value and ber.decode(inner.value)
  local list = decoded and decoded.children
  if not list or not list[3] or not list[1].value then
    return nil
  end
  return list[1].value, list[2].value, list[3].value
end

-- RFC 3411 section 5, SnmpEngineID.
local function describe(engine, output)
  if #engine < 5 then
    output.engineIDData = stdnse.tohex(engine)
    return
  end
  local number, format = string.unpack(">I4B", engine)
  local data = string.sub(engine, 6)
  local enterprise = number & 0x7fffffff
  output.enterprise = ENTERPRISES[enterprise] or tostring(enterprise)
  if number & 0x80000000 == 0 then
    output.engineIDFormat = "unknown"
    output.engineIDData = stdnse.tohex(string.sub(engine, 5))
  elseif format == 1 and #data == 4 then
    output.engineIDFormat = "ipv4"
    output.engineIDData = string.format("%d.%d.%d.%d", string.byte(data, 1, 4))
  elseif format == 3 and #data == 6 then
    output.engineIDFormat = "mac"
    output.engineIDData = stdnse.tohex(data, { separator = ":" })
  elseif format == 4 then
    output.engineIDFormat = "text"
    output.engineIDData = data
  else
    output.engineIDFormat = format == 5 and "octets" or "unknown"
    output.engineIDData = stdnse.tohex(data)
  end
end

action = function(host, port)
  local answer = bounded.ask_udp(host, port, discovery(math.random(1, 0x7fffffff)), {
    accept = function(data) return string.byte(data) == 0x30 end,
  })
  local engine, boots, seconds
  if answer then
    engine, boots, seconds = parameters(answer)
  end
  if not engine or engine == "" then
    return nil
  end
  local output = stdnse.output_table()
  describe(engine, output)
  output.snmpEngineBoots = boots
  output.snmpEngineTime = seconds and datetime.format_time(seconds)
  return output
end
