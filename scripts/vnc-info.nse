local bounded = require "bounded"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Shows the version of a VNC server's protocol (RFC 6143) and the kinds of authentication that it
offers.
]]

---
-- @usage
-- -p 5900-5905 --script vnc-info
-- @output
-- 5901/tcp open  vnc-1
-- | vnc-info:
-- |   Protocol version: 3.8
-- |   Security types:
-- |     None (1)
-- |_  WARNING: Server does not require authentication

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service({ 5900, 5901, 5902, 5903 },
  { "vnc", "vnc-1", "vnc-2", "vnc-3" })

-- RFC 6143 section 7.1.2 and its registry.
local TYPES = { [0] = "Invalid", "None", "VNC Authentication", [5] = "RA2", [6] = "RA2ne",
  [16] = "Tight", [17] = "Ultra", [18] = "TLS", [19] = "VeNCrypt", [20] = "GTK-VNC SASL",
  [21] = "MD5 hash authentication", [22] = "Colin Dean xvp", [30] = "Mac OSX SecurityType",
  [35] = "Mac OSX SecurityType" }
local LONGEST = 1024

-- Why the server refuses: a string after its length.
local function reason(reader)
  local head = reader:bytes(4)
  local length = head and string.unpack(">I4", head)
  return length and length <= LONGEST and reader:bytes(length) or nil
end

-- The numbers of the types; or nil and why.
local function security_types(reader, minor)
  local list = {}
  if minor < 7 then
    local data = reader:bytes(4)
    local kind = data and string.unpack(">I4", data)
    if not kind then
      return nil
    elseif kind == 0 then
      return nil, reason(reader)
    end
    return { kind }
  end
  local count = reader:bytes(1)
  if not count then
    return nil
  elseif count == "\0" then
    return nil, reason(reader)
  end
  local data = reader:bytes(string.byte(count)) or ""
  for i = 1, #data do
    list[i] = string.byte(data, i)
  end
  return list
end

local function converse(reader, socket)
  local major, minor = string.match(reader:bytes(12) or "", "^RFB (%d%d%d)%.(%d%d%d)\n$")
  if not major then
    return nil
  end
  major, minor = tonumber(major), tonumber(minor)
  local output = stdnse.output_table()
  output["Protocol version"] = string.format("%d.%d", major, minor)
  -- Versions that the standard does not know are spoken as the next older one.
  local spoken = (major > 3 or minor >= 8) and 8 or minor == 7 and 7 or 3
  if not socket:send(string.format("RFB 003.%03d\n", spoken)) then
    return output
  end
  local types, why = security_types(reader, spoken)
  if not types then
    output.ERROR = why
    return output
  end
  local names, open = {}, false
  for i, number in ipairs(types) do
    names[i] = string.format("%s (%d)", TYPES[number] or "Unknown security type", number)
    open = open or number == 1
  end
  output["Security types"] = names
  if open then
    output.WARNING = "Server does not require authentication"
  end
  return output
end

action = function(host, port)
  local reader, socket = bounded.connect(host, port, { limit = 4096, seconds = 8 })
  if not reader then
    return nil
  end
  local output = converse(reader, socket)
  socket:close()
  if output then
    port.version.name = "vnc"
    port.version.extrainfo = "protocol " .. output["Protocol version"]
    nmap.set_port_version(host, port)
  end
  return output
end
