local bounded = require "bounded"
local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local url = require "url"

description = [[
Asks a host for its UPnP root device (SSDP's M-SEARCH, UPnP Device Architecture section 1.3.2), and
reads the description that the answer points at when it lies on the same host.
]]

---
-- @usage
-- -sU -p 1900 --script ssdp-discover
-- @output
-- 1900/udp open  upnp
-- | ssdp-discover:
-- |   server: Debian DLNADOC/1.50 UPnP/1.0 MiniDLNA/1.3.0
-- |   location: http://192.0.2.7:8200/rootDesc.xml
-- |   device:
-- |     friendlyName: lab: root
-- |_    manufacturer: Justin Maggard

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service(1900, "upnp", "udp")

local LARGEST = 128 * 1024
local LONGEST = 256
local FIELDS = { "friendlyName", "manufacturer", "modelName", "modelNumber", "modelDescription",
  "serialNumber", "UDN" }

local function search(host, port)
  local request = "M-SEARCH * HTTP/1.1\r\nHOST: " .. host.ip .. ":" .. port.number ..
    "\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: upnp:rootdevice\r\n\r\n"
  return bounded.ask_udp(host, port, request, {
    accept = function(data) return string.find(data, "^HTTP/1%.[01] 200") ~= nil end,
  })
end

local function field(answer, name)
  for line in string.gmatch(answer, "[^\r\n]+") do
    local key, value = string.match(line, "^([%w.-]+)%s*:%s*(.-)%s*$")
    if key and string.upper(key) == name then
      return string.sub(value, 1, LONGEST)
    end
  end
  return nil
end

-- The description of the device; of another host's, nothing is read.
local function description(host, location)
  local parsed = url.parse(location)
  if parsed.scheme ~= "http" or parsed.host ~= host.ip then
    return nil
  end
  local response = http.get(host, parsed.port or 80, parsed.path or "/",
    { max_body_size = LARGEST, redirect_ok = false, scheme = "http" })
  if response.status ~= 200 or not response.body then
    return nil
  end
  local device, found = stdnse.output_table(), false
  for _, name in ipairs(FIELDS) do
    local value = string.match(response.body, "<" .. name .. ">%s*([^<]-)%s*</" .. name .. ">")
    if value and value ~= "" then
      device[name] = string.sub(value, 1, LONGEST)
      found = true
    end
  end
  return found and device or nil
end

action = function(host, port)
  local answer = search(host, port)
  if not answer then
    return nil
  end
  local output = stdnse.output_table()
  output.server = field(answer, "SERVER")
  output.location = field(answer, "LOCATION")
  output.usn = field(answer, "USN")
  output.device = output.location and description(host, output.location)
  return output
end
