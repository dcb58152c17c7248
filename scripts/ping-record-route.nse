local nmap = require "nmap"
local rawpacket = require "rawpacket"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Sends an ICMP echo request with the option Record Route (RFC 791 section 3.1), in which the routers
on the way and on the way back enter their addresses, up to nine of them. What "ping -R" does.
]]

---
-- @usage
-- --script ping-record-route
-- @output
-- Host script results:
-- | ping-record-route:
-- |   there:
-- |     192.0.2.254
-- |   host: 198.51.100.7
-- |   back:
-- |_    192.0.2.254

author = "trawl contributors"
license = "Apache-2.0"
categories = { "discovery", "safe" }

hostrule = rawpacket.is_reachable

local TRIES, PATIENCE = 2, 2000
local RECORD_ROUTE, SLOTS = 7, 9

-- The addresses entered in the option of a packet; nil when it has none.
local function recorded(options)
  local at = 1
  while at <= #options do
    local kind, length, pointer = string.byte(options, at, at + 2)
    if kind == 0 then
      return nil
    elseif kind == 1 then
      at = at + 1
    elseif not length or length < 2 or at + length - 1 > #options then
      return nil
    elseif kind == RECORD_ROUTE and length >= 3 then
      local list = {}
      for slot = at + 3, at + math.min(pointer, length + 1) - 2, 4 do
        if slot + 3 <= at + length - 1 then
          list[#list + 1] = rawpacket.ip_text(string.sub(options, slot, slot + 3))
        end
      end
      return list
    else
      at = at + length
    end
  end
  return nil
end

local function ping(host, link, capture)
  local id = math.random(1, 65535)
  local option = string.char(RECORD_ROUTE, 3 + 4 * SLOTS, 4) .. string.rep("\0", 4 * SLOTS) .. "\0"
  for try = 1, TRIES do
    link:ip_send(rawpacket.ipv4({ source = host.bin_ip_src, destination = host.bin_ip, protocol = 1,
      id = math.random(1, 65535), options = option }, rawpacket.echo(id, try, "trawl")), host)
    local list
    rawpacket.collect(capture, PATIENCE, function(packet)
      local message = packet.protocol == 1 and rawpacket.parse_icmp(packet.payload)
      if message and message.type == rawpacket.ICMP_ECHO_REPLY and message.id == id then
        list = recorded(packet.options) or {}
        return true
      end
      return false
    end)
    if list then
      return list
    end
  end
  return nil
end

-- What stands before the host's own address is the way there, the rest the way back.
local function report(host, list)
  local output = stdnse.output_table()
  local there, back, found = {}, {}, false
  for _, address in ipairs(list) do
    if address == host.ip then
      found = true  -- The host may enter itself on both ways.
    else
      local way = found and back or there
      way[#way + 1] = address
    end
  end
  output.there = #there > 0 and there or nil
  output.host = found and host.ip or nil
  output.back = #back > 0 and back or nil
  if #list == SLOTS then
    output.full = "all nine places are taken; the route goes on"
  end
  return output
end

action = function(host)
  local capture, why = rawpacket.capture(host, string.format(
    "icmp and src host %s and icmp[0] = 0", host.ip))
  if not capture then
    stdnse.debug1("%s", why)
    return nil
  end
  local link = nmap.new_dnet()
  link:ip_open()
  local list = ping(host, link, capture)
  link:ip_close()
  capture:pcap_close()
  return list and #list > 0 and report(host, list) or nil
end
