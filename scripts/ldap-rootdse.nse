local ber = require "ber"
local bounded = require "bounded"
local shortport = require "shortport"
local string = require "string"
local table = require "table"

description = [[
Reads the root entry of a directory server, which is open to everyone (RFC 4512 section 5.1): naming
contexts, controls, extensions, mechanisms.
]]

---
-- @usage
-- -p 389 --script ldap-rootdse
-- @output
-- 389/tcp open  ldap
-- | ldap-rootdse:
-- | LDAP Results
-- |   <ROOT>
-- |       namingContexts: dc=lab,dc=test
-- |_      supportedLDAPVersion: 3

author = "trawl contributors"
license = "Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service({ 389, 636, 3268, 3269 }, { "ldap", "ldapssl", "ldaps" })

local LARGEST = 1 << 18
local MOST = 500  -- Values.
-- RFC 4512 section 5.1, and what Active Directory adds ([MS-ADTS] 3.1.1.3.2).
local ATTRIBUTES = { "namingContexts", "altServer", "supportedControl", "supportedExtension",
  "supportedLDAPVersion", "supportedSASLMechanisms", "subschemaSubentry", "currentTime",
  "dsServiceName", "defaultNamingContext", "schemaNamingContext", "configurationNamingContext",
  "rootDomainNamingContext", "supportedLDAPPolicies", "highestCommittedUSN", "dnsHostName",
  "ldapServiceName", "serverName", "supportedCapabilities", "isSynchronized",
  "isGlobalCatalogReady", "domainFunctionality", "forestFunctionality",
  "domainControllerFunctionality", "vendorName", "vendorVersion" }

local function search()
  local wanted = {}
  for i, name in ipairs(ATTRIBUTES) do
    wanted[i] = ber.encode(0x04, name)
  end
  -- Base object "", scope base, filter (objectClass=*).
  local request = ber.encode(0x63, ber.encode(0x04), ber.encode(0x0a, "\0"), ber.encode(0x0a, "\0"),
    ber.integer(100), ber.integer(10), ber.encode(0x01, "\0"), ber.encode(0x87, "objectClass"),
    ber.encode(0x30, table.unpack(wanted)))
  return ber.encode(0x30, ber.integer(1), request)
end

-- One message, decoded.
local function receive(reader)
  local head = reader:bytes(2)
  if not head or string.byte(head) ~= 0x30 then
    return nil
  end
  local length, extra = string.byte(head, 2), ""
  if length > 0x80 and length <= 0x84 then
    extra = reader:bytes(length - 0x80)
    if not extra then
      return nil
    end
    length = string.unpack(">I" .. #extra, extra)
  elseif length >= 0x80 then
    return nil
  end
  if length > LARGEST then
    return nil
  end
  local body = reader:bytes(length)
  return body and ber.decode(head .. extra .. body)
end

-- The lines of a SearchResultEntry.
local function lines_of(entry)
  local lines = {}
  for _, attribute in ipairs(entry.children[2] and entry.children[2].children or {}) do
    local name, values = (attribute.children or {})[1], (attribute.children or {})[2]
    for _, value in ipairs(name and name.value and values and values.children or {}) do
      if #lines < MOST and value.value then
        lines[#lines + 1] = "      " .. name.value .. ": " .. value.value
      end
    end
  end
  return lines
end

action = function(host, port)
  local secure = port.number == 636 or port.number == 3269 or port.service == "ldapssl" or
    port.service == "ldaps"
  local reader, socket = bounded.connect(host, port, { limit = LARGEST + 4096, seconds = 10,
    protocol = secure and "ssl" or nil })
  if not reader then
    return nil
  end
  local lines
  if socket:send(search()) then
    for _ = 1, 10 do
      local message = receive(reader)
      local operation = message and message.children and message.children[2]
      if not operation or operation.tag ~= 0x64 and operation.tag ~= 0x73 then
        break
      elseif operation.tag == 0x64 and operation.children then
        lines = lines_of(operation)
        break
      end
    end
  end
  socket:send(ber.encode(0x30, ber.integer(2), "\x42\0"))
  socket:close()
  if not lines or #lines == 0 then
    return nil
  end
  return "\nLDAP Results\n  <ROOT>\n" .. table.concat(lines, "\n") .. "\n"
end
