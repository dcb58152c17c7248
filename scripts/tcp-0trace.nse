local nmap = require "nmap"
local rawpacket = require "rawpacket"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Traces the route to a host inside a TCP connection that it has accepted, so that a firewall which
lets the connection through lets the trace through too (after Michal Zalewski's 0trace).

The probes are keep-alives (RFC 9293 section 3.8.4) of an open connection with small times to live.
They carry no data, and the service never sees them. Routers name themselves by ICMP; the target by
an acknowledgment.
]]

---
-- @usage
-- --script tcp-0trace [--script-args tcp-0trace.port=443,tcp-0trace.hops=30]
-- @output
-- Host script results:
-- | tcp-0trace: through port 443
-- |   HOP ADDRESS
-- |   1   192.0.2.1
-- |   2   *
-- |_  3   198.51.100.7 (the host)

author = "trawl contributors"
license = "Apache-2.0"
categories = { "discovery", "intrusive" }

local AT_ONCE = 5
local PATIENCE = 1000   -- Milliseconds for the answers to probes that were sent at once.
-- Some systems acknowledge a keep-alive no more than twice a second.
local PAUSE = 600

-- The first port that is open, or the one of the script's argument.
local function open_port(host)
  local wanted = tonumber(stdnse.get_script_args("tcp-0trace.port") or "")
  if wanted then
    return { number = wanted, protocol = "tcp" }
  end
  return nmap.get_ports(host, nil, "tcp", "open")
end

hostrule = function(host)
  return rawpacket.is_reachable(host) and open_port(host) ~= nil
end

-- Connects, and takes the sequence numbers from the SYN-ACK that the capture sees.
local function establish(host, port, capture)
  local socket = nmap.new_socket("tcp")
  socket:set_timeout(5000)
  if not socket:connect(host.ip, port.number, "tcp") then
    socket:close()
    return nil
  end
  local _, _, own_port = socket:get_info()
  local connection
  rawpacket.collect(capture, 1000, function(packet)
    local segment = packet.protocol == 6 and rawpacket.parse_tcp(packet.payload)
    if segment and segment.dport == own_port and
        segment.flags & (rawpacket.SYN | rawpacket.ACK) == rawpacket.SYN | rawpacket.ACK then
      connection = { sport = own_port, dport = port.number, seq = segment.ack - 1,
        ack = segment.seq + 1, ts = segment.ts_value }
      return true
    end
    return false
  end)
  if not connection then
    socket:close()
    return nil
  end
  connection.socket = socket
  return connection
end

-- A keep-alive with a time to live, which is in its identification too.
local function probe(host, connection, ttl)
  local segment = rawpacket.tcp { source = host.bin_ip_src, destination = host.bin_ip,
    sport = connection.sport, dport = connection.dport, seq = connection.seq, ack = connection.ack,
    flags = rawpacket.ACK }
  return rawpacket.ipv4({ source = host.bin_ip_src, destination = host.bin_ip, protocol = 6,
    ttl = ttl, id = connection.id + ttl, df = true }, segment)
end

-- Sends the probes of some hops and notes the routers that answer; true when the host did.
local function ask(host, link, capture, connection, first, last, hops, patience)
  for ttl = first, last do
    link:ip_send(probe(host, connection, ttl), host)
  end
  local reached, missing = false, last - first + 1
  rawpacket.collect(capture, patience, function(packet)
    if packet.protocol == 1 then
      local message = rawpacket.parse_icmp(packet.payload)
      local quoted = message and message.type == rawpacket.ICMP_TIME_EXCEEDED and message.quoted
      if quoted and quoted.protocol == 6 and quoted.destination == host.bin_ip and
          #quoted.payload >= 4 and string.unpack(">I2", quoted.payload) == connection.sport then
        local ttl = quoted.id - connection.id
        if ttl >= first and ttl <= last and not hops[ttl] then
          hops[ttl] = rawpacket.ip_text(packet.source)
          missing = missing - 1
        end
      end
    elseif packet.source == host.bin_ip then
      local segment = rawpacket.parse_tcp(packet.payload)
      reached = reached or segment ~= nil and segment.dport == connection.sport and
        segment.flags == rawpacket.ACK and #segment.payload == 0 and
        segment.ack == connection.seq + 1
    end
    return missing == 0 or reached and missing == 1
  end)
  return reached
end

-- Which of the hops that no router answered for is the host.
local function locate(host, link, capture, connection, first, last, hops)
  for ttl = first, last do
    if not hops[ttl] then
      stdnse.sleep(PAUSE / 1000)
      if ask(host, link, capture, connection, ttl, ttl, hops, PAUSE) then
        return ttl
      end
    end
  end
  return nil
end

local function trace(host, link, capture, connection, most)
  local hops = {}
  for first = 1, most, AT_ONCE do
    local last = math.min(first + AT_ONCE - 1, most)
    if ask(host, link, capture, connection, first, last, hops, PATIENCE) then
      return hops, locate(host, link, capture, connection, first, last, hops)
    end
  end
  return hops, nil
end

-- The hops as output, silent ones as "*" where one behind them answered.
local function report(host, port, hops, target)
  local last = target or 0
  for ttl in pairs(hops) do
    last = math.max(last, ttl)
  end
  local output, lines = stdnse.output_table(), {}
  output.port = port.number
  output.hops = {}
  for ttl = 1, last do
    local address = ttl == target and host.ip or hops[ttl] or "*"
    local hop = stdnse.output_table()
    hop.ttl = ttl
    hop.address = address
    output.hops[ttl] = hop
    lines[ttl] = string.format("  %-3d %s%s", ttl, address, ttl == target and " (the host)" or "")
  end
  if last == 0 then
    return nil
  end
  return output, string.format("through port %d\n  HOP ADDRESS\n%s", port.number,
    table.concat(lines, "\n"))
end

action = function(host)
  local port = open_port(host)
  local most = math.min(tonumber(stdnse.get_script_args("tcp-0trace.hops") or 30) or 30, 64)
  local capture, why = rawpacket.capture(host, string.format(
    "dst host %s and (icmp or (tcp and src host %s and src port %d))",
    rawpacket.ip_text(host.bin_ip_src), host.ip, port.number))
  if not capture then
    stdnse.debug1("%s", why)
    return nil
  end
  local connection = establish(host, port, capture)
  if not connection then
    capture:pcap_close()
    return nil
  end
  connection.id = math.random(1, 60000)
  local link = nmap.new_dnet()
  link:ip_open()
  local hops, target = trace(host, link, capture, connection, most)
  link:ip_close()
  connection.socket:close()
  capture:pcap_close()
  return report(host, port, hops, target)
end
