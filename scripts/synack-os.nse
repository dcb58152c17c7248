local nmap = require "nmap"
local rawpacket = require "rawpacket"
local stdnse = require "stdnse"
local string = require "string"
local synack = require "synack"
local table = require "table"

description = [[
Connects to each open TCP port and fingerprints the SYN-ACK that comes back, as Michal Zalewski's
p0f does with packets that it sees pass: nothing is sent but the beginning of ordinary connections.
Ports that different systems answer, as behind a forwarder, are told apart.
]]

---
-- @usage
-- --script synack-os [--script-args synack-os.ports=16]
-- @output
-- Host script results:
-- | synack-os:
-- |   ports:
-- |     22: 4:64+1:0:1460:mss*44,7:mss,sok,ts,nop,ws:df:0 (Linux 4.20-6.x)
-- |     80: 4:128+2:0:1460:8192,8:mss,nop,ws,sok,ts:df,id+:0 (Windows)
-- |   stacks:
-- |     22
-- |     80
-- |_  verdict: 2 systems answer

author = "trawl contributors"
license = "Apache-2.0"
categories = { "discovery", "safe" }

local MOST = 16

hostrule = function(host)
  return rawpacket.is_reachable(host) and nmap.get_ports(host, nil, "tcp", "open") ~= nil
end

-- The SYN-ACK of one connection.
local function connect(host, port, capture)
  local socket = nmap.new_socket("tcp")
  socket:set_timeout(4000)
  if not socket:connect(host.ip, port.number, "tcp") then
    socket:close()
    return nil
  end
  local _, _, own_port = socket:get_info()
  local parts
  rawpacket.collect(capture, 1000, function(packet)
    local segment = packet.protocol == 6 and rawpacket.parse_tcp(packet.payload)
    if segment and segment.sport == port.number and segment.dport == own_port then
      parts = synack.describe(packet, segment)
      return true
    end
    return false
  end)
  socket:close()
  return parts
end

-- "22, 80" for each stack, in the order of its first port.
local function group(found)
  local stacks, by_key = {}, {}
  for _, each in ipairs(found) do
    local key = synack.stack_key(each.parts)
    if not by_key[key] then
      by_key[key] = {}
      stacks[#stacks + 1] = by_key[key]
    end
    table.insert(by_key[key], each.port)
  end
  for i, ports in ipairs(stacks) do
    stacks[i] = table.concat(ports, ", ")
  end
  return stacks
end

action = function(host)
  local capture, why = rawpacket.capture(host, string.format(
    "tcp and src host %s and tcp[13] & 0x12 = 0x12", host.ip))
  if not capture then
    stdnse.debug1("%s", why)
    return nil
  end
  local most = tonumber(stdnse.get_script_args("synack-os.ports") or MOST) or MOST
  local found, port = {}, nmap.get_ports(host, nil, "tcp", "open")
  while port and #found < most do
    local parts = connect(host, port, capture)
    if parts then
      found[#found + 1] = { port = port.number, parts = parts }
    end
    port = nmap.get_ports(host, port, "tcp", "open")
  end
  capture:pcap_close()
  if #found == 0 then
    return nil
  end
  local signatures = synack.load()
  local output = stdnse.output_table()
  output.ports = stdnse.output_table()
  for _, each in ipairs(found) do
    local name = synack.match(signatures, each.parts)
    output.ports[tostring(each.port)] = synack.text(each.parts) ..
      (name and " (" .. name .. ")" or "")
  end
  local stacks = group(found)
  if #stacks > 1 then
    output.stacks = stacks
    output.verdict = #stacks .. " systems answer"
  elseif #found > 1 then
    output.verdict = "one system answers"
  end
  return output
end
