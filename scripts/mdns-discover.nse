local shortport = require "shortport"
local stdnse = require "stdnse"
local table = require "table"
local wiredns = require "wiredns"

description = [[
Asks a host for the services that it announces by multicast DNS (RFC 6762, RFC 6763), with their
names, ports and texts. The question goes to the host's address alone, so that nothing else answers.
]]

---
-- @usage
-- -sU -p 5353 --script mdns-discover
-- @output
-- 5353/udp open  zeroconf
-- | mdns-discover:
-- |   _ipp._tcp.local:
-- |     Printer._ipp._tcp.local:
-- |       target: printer.local
-- |       port: 631
-- |       text:
-- |_        rp=printers/lab

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service(5353, { "zeroconf", "mdns" }, "udp")

local TYPES_OF_SERVICES = "_services._dns-sd._udp.local"
local MOST_TYPES, MOST_INSTANCES, MOST_TEXTS = 20, 20, 30

local function ask(host, port, name, kind)
  return wiredns.ask(name, { host = host.ip, port = port.number, dtype = kind, norecurse = true,
    sendCount = 1, timeout = 2000 })
end

-- All records of an answer.
local function records(packet)
  local list = {}
  for _, section in ipairs { "answers", "add" } do
    for _, record in ipairs(packet and packet[section] or {}) do
      list[#list + 1] = record
    end
  end
  return list
end

-- Names that PTR records of a name point at.
local function pointed(packet, name, most)
  local list, known = {}, {}
  for _, record in ipairs(records(packet)) do
    local target = record.domain
    if record.dtype == wiredns.types.PTR and record.dname:lower() == name:lower() and target and
        not known[target] and #list < most then
      known[target] = true
      list[#list + 1] = target
    end
  end
  return list
end

-- Where an instance is, from records that came with its name or that are asked for.
local function describe(host, port, instance, packet)
  local entry, found = stdnse.output_table(), {}
  for _, source in ipairs { function() return packet end,
      function() return ask(host, port, instance, "ANY") end } do
    for _, record in ipairs(records(source())) do
      if record.dname:lower() == instance:lower() then
        if record.SRV and not found.SRV then
          found.SRV = record.SRV
        elseif record.TXT and not found.TXT then
          found.TXT = record.TXT.text
        end
      end
    end
    if found.SRV then
      break
    end
  end
  entry.target = found.SRV and found.SRV.target
  entry.port = found.SRV and found.SRV.port
  local texts = {}
  for _, text in ipairs(found.TXT or {}) do
    if text ~= "" and #texts < MOST_TEXTS then
      table.insert(texts, text)
    end
  end
  entry.text = #texts > 0 and texts or nil
  return entry
end

action = function(host, port)
  local kinds = pointed(ask(host, port, TYPES_OF_SERVICES, "PTR"), TYPES_OF_SERVICES, MOST_TYPES)
  if #kinds == 0 then
    return nil
  end
  local output = stdnse.output_table()
  for _, kind in ipairs(kinds) do
    local packet = ask(host, port, kind, "PTR")
    local services = stdnse.output_table()
    for _, instance in ipairs(pointed(packet, kind, MOST_INSTANCES)) do
      services[instance] = describe(host, port, instance, packet)
    end
    output[kind] = services
  end
  return output
end
