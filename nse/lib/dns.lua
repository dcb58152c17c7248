--- Questions to name servers.
-- @copyright trawl contributors, Apache-2.0

local math = require "math"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local wiredns = require "wiredns"

local M = {}

--- Numbers of the record types and classes.
M.types = wiredns.types
M.CLASS = wiredns.CLASS

-- The part of an answer that a question of a type is after.
local function value_of(record, kind)
  if kind == "A" then
    return record.ip
  elseif kind == "AAAA" then
    return record.ipv6
  elseif kind == "TXT" then
    return record.TXT and table.concat(record.TXT.text)
  elseif kind == "MX" then
    return record.MX and string.format("%d:%s", record.MX.pref, record.MX.server)
  elseif kind == "SRV" then
    return record.SRV and string.format("%d:%d:%d:%s", record.SRV.prio, record.SRV.weight,
      record.SRV.port, record.SRV.target)
  end
  return record.domain
end

--- Asks a name server.
-- @param options as of ask(); <code>retAll</code>: a list of all answers;
--   <code>retPkt</code>: the whole message
-- @return true and the answer; or false and why
function M.query(name, options)
  options = options or {}
  local kind = string.upper(tostring(options.dtype or "A"))
  options.dtype = kind
  if not options.host then
    options.host = nmap.get_dns_servers()[1]
  end
  if not options.host then
    return false, "no name server is known"
  end
  local packet, why = wiredns.ask(name, options)
  if not packet then
    return false, why
  elseif options.retPkt then
    return true, packet
  end
  local found = {}
  for _, record in ipairs(packet.answers) do
    if record.dtype == wiredns.types[kind] then
      found[#found + 1] = value_of(record, kind)
    end
  end
  if #found == 0 then
    stdnse.debug2("%s: no %s", name, kind)
    return false, packet.flags.rcode == 3 and "No Such Name" or "No Answers"
  end
  return true, options.retAll and found or found[1]
end

--- The name to ask for the name of an address, IPv4 or IPv6 in full or short form.
function M.reverse(address)
  if not string.find(address, ":", 1, true) then
    local a, b, c, d = string.match(address, "^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
    return a and string.format("%s.%s.%s.%s.in-addr.arpa", d, c, b, a)
  end
  local head, tail = string.match(address, "^(.-)::(.*)$")
  local function groups(text)
    local list = {}
    for group in string.gmatch(text or "", "%x+") do
      list[#list + 1] = string.format("%04x", tonumber(group, 16))
    end
    return list
  end
  local first, last = groups(head or address), groups(tail)
  local digits = table.concat(first) .. string.rep("0000", math.max(0, 8 - #first - #last)) ..
    table.concat(last)
  return string.gsub(string.reverse(digits), ".", "%0.") .. "ip6.arpa"
end

return M
