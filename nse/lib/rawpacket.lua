--- Builds and reads packets: Ethernet, ARP, IPv4, ICMP, TCP.
--
-- Builders take tables of fields and fill in lengths and checksums. Readers return nil for what is
-- cut short, and never look past the end.
-- @copyright trawl contributors, Apache-2.0

local bytereader = require "bytereader"
local nmap = require "nmap"
local string = require "string"
local table = require "table"

local M = {}

M.FIN, M.SYN, M.RST, M.PSH, M.ACK, M.URG, M.ECE, M.CWR = 1, 2, 4, 8, 16, 32, 64, 128
M.ICMP_ECHO_REPLY, M.ICMP_UNREACHABLE, M.ICMP_ECHO, M.ICMP_TIME_EXCEEDED = 0, 3, 8, 11

--- The Internet checksum (RFC 1071).
function M.checksum(data)
  local sum = 0
  for at = 1, #data - 1, 2 do
    local a, b = string.byte(data, at, at + 1)
    sum = sum + (a << 8 | b)
  end
  if #data % 2 == 1 then
    sum = sum + (string.byte(data, #data) << 8)
  end
  while sum > 0xffff do
    sum = (sum & 0xffff) + (sum >> 16)
  end
  return ~sum & 0xffff
end

--- "192.0.2.1" of four bytes.
function M.ip_text(bytes)
  return table.concat({ string.byte(bytes, 1, 4) }, ".")
end

--- Four bytes of "192.0.2.1"; nil when it is none.
function M.ip_bytes(text)
  local parts = { string.match(text, "^(%d+)%.(%d+)%.(%d+)%.(%d+)$") }
  for i = 1, 4 do
    parts[i] = tonumber(parts[i])
    if not parts[i] or parts[i] > 255 then
      return nil
    end
  end
  return string.char(table.unpack(parts))
end

--- "00:11:22:33:44:55" of six bytes.
function M.mac_text(bytes)
  return (string.gsub(string.format(string.rep("%02X:", 6), string.byte(bytes, 1, 6)), ":$", ""))
end

--- A frame.
function M.ethernet(destination, source, kind, payload)
  return destination .. source .. string.pack(">I2", kind) .. payload
end

--- An ARP request in its frame (RFC 826).
-- @param fields <code>destination</code>: of the frame; <code>source_mac</code>,
--   <code>source_ip</code>, <code>target_ip</code> as bytes
function M.arp_request(fields)
  return M.ethernet(fields.destination, fields.source_mac, 0x0806,
    string.pack(">I2I2BBI2", 1, 0x0800, 6, 4, 1) .. fields.source_mac .. fields.source_ip ..
    string.rep("\0", 6) .. fields.target_ip)
end

--- An IPv4 packet (RFC 791).
-- @param fields <code>source</code>, <code>destination</code> as bytes, <code>protocol</code>,
--   <code>ttl</code> (64), <code>id</code>, <code>tos</code>, <code>df</code>,
--   <code>options</code> as bytes, a multiple of four
function M.ipv4(fields, payload)
  local options = fields.options or ""
  local length = 20 + #options
  local head = string.pack(">BBI2I2I2BBI2", 0x40 | length // 4, fields.tos or 0, length + #payload,
    fields.id or 0, fields.df and 0x4000 or 0, fields.ttl or 64, fields.protocol, 0) ..
    fields.source .. fields.destination .. options
  return string.sub(head, 1, 10) .. string.pack(">I2", M.checksum(head)) .. string.sub(head, 13) ..
    payload
end

--- An ICMP echo request (RFC 792).
function M.echo(id, sequence, data)
  local body = string.pack(">I2I2", id, sequence) .. (data or "")
  return string.pack(">BBI2", M.ICMP_ECHO, 0, M.checksum("\8\0\0\0" .. body)) .. body
end

--- A TCP segment (RFC 9293).
-- @param fields <code>source</code>, <code>destination</code>: addresses; <code>sport</code>,
--   <code>dport</code>, <code>seq</code>, <code>ack</code>, <code>flags</code>,
--   <code>window</code>, <code>options</code> as bytes, a multiple of four; <code>reserved</code>,
--   <code>urgent</code>
function M.tcp(fields, payload)
  payload = payload or ""
  local options = fields.options or ""
  local length = 20 + #options
  local head = string.pack(">I2I2I4I4BBI2I2I2", fields.sport, fields.dport,
    fields.seq & 0xffffffff, (fields.ack or 0) & 0xffffffff,
    length // 4 << 4 | (fields.reserved or 0), fields.flags, fields.window or 1024, 0,
    fields.urgent or 0) .. options
  local pseudo = fields.source .. fields.destination ..
    string.pack(">BBI2", 0, 6, length + #payload)
  return string.sub(head, 1, 16) .. string.pack(">I2", M.checksum(pseudo .. head .. payload)) ..
    string.sub(head, 19) .. payload
end

local function read_ipv4(r)
  local packet, first = {}, r:u8()
  local length = (first & 15) * 4
  if first >> 4 ~= 4 or length < 20 then
    bytereader.fail("no IPv4")
  end
  packet.header_length = length
  packet.tos, packet.length, packet.id = r:u8(), r:u16(), r:u16()
  local fragment = r:u16()
  packet.df, packet.mf, packet.fragment = fragment & 0x4000 ~= 0, fragment & 0x2000 ~= 0,
    fragment & 0x1fff
  packet.reserved = fragment & 0x8000 ~= 0
  packet.ttl, packet.protocol = r:u8(), r:u8()
  r:skip(2)
  packet.source, packet.destination = r:bytes(4), r:bytes(4)
  packet.options = r:bytes(length - 20)
  -- What follows the packet's own length is padding of the link.
  local payload = r:rest()
  packet.payload = string.sub(payload, 1, math.max(0, packet.length - length))
  return packet
end

--- An IPv4 packet as a table, with <code>payload</code>; nil when it is none.
function M.parse_ipv4(data)
  local ok, packet = bytereader.parse(data, read_ipv4)
  return ok and packet or nil
end

local KINDS = { [0] = "eol", [1] = "nop", [2] = "mss", [3] = "ws", [4] = "sok", [5] = "sack",
  [8] = "ts" }

-- The options in their order: {kind, name, data}.
local function read_options(data)
  local list = {}
  bytereader.parse(data, function(r)
    while r:left() > 0 and #list < 40 do
      local kind = r:u8()
      local option = { kind = kind, name = KINDS[kind] or "?" .. kind, data = "" }
      if kind > 1 then
        local length = r:u8()
        if length < 2 then
          list.bad = true
          return
        end
        option.data = r:bytes(length - 2)
      end
      list[#list + 1] = option
      if kind == 0 then
        list.padding = r:rest()
        return
      end
    end
  end)
  return list
end

--- A TCP segment as a table, with <code>options</code> as a list; nil when it is none.
function M.parse_tcp(data)
  local ok, segment = bytereader.parse(data, function(r)
    local segment = { sport = r:u16(), dport = r:u16(), seq = r:u32(), ack = r:u32() }
    local offset = r:u8()
    segment.reserved = offset & 15
    segment.flags, segment.window = r:u8(), r:u16()
    r:skip(2)
    segment.urgent = r:u16()
    local length = (offset >> 4) * 4
    if length < 20 then
      bytereader.fail("no TCP")
    end
    segment.option_bytes = r:bytes(length - 20)
    segment.payload = r:rest()
    return segment
  end)
  if not ok then
    return nil
  end
  segment.options = read_options(segment.option_bytes)
  for _, option in ipairs(segment.options) do
    if option.name == "mss" and #option.data == 2 then
      segment.mss = string.unpack(">I2", option.data)
    elseif option.name == "ws" and #option.data == 1 then
      segment.scale = string.byte(option.data)
    elseif option.name == "ts" and #option.data == 8 then
      segment.ts_value, segment.ts_echo = string.unpack(">I4I4", option.data)
    end
  end
  return segment
end

--- An ICMP message as a table: type, code, id and sequence, and of an error the packet it is
-- about, as <code>quoted</code> with the bytes behind its header; nil when it is none.
function M.parse_icmp(data)
  if #data < 8 then
    return nil
  end
  local message = {}
  message.type, message.code, message.id, message.sequence = string.unpack(">BBxxI2I2", data)
  if message.type == M.ICMP_TIME_EXCEEDED or message.type == M.ICMP_UNREACHABLE then
    local quoted = string.sub(data, 9)
    -- The quoted packet is cut short, so its own length says nothing.
    message.quoted = M.parse_ipv4(quoted)
    if message.quoted then
      message.quoted.payload = string.sub(quoted, message.quoted.header_length + 1)
    end
  end
  return message
end

--- Whether packets can be sent to a host raw: IPv4, privileged, an interface known.
function M.is_reachable(host)
  return nmap.is_privileged() and host.interface ~= nil and host.bin_ip ~= nil and
    #host.bin_ip == 4 and host.bin_ip_src ~= nil and #host.bin_ip_src == 4
end

--- Opens a capture on a host's interface.
-- @return the socket, or nil and why
function M.capture(host, filter, length)
  local socket = nmap.new_socket()
  local ok, why = pcall(socket.pcap_open, socket, host.interface, length or 256, false, filter)
  if not ok then
    return nil, why
  end
  return socket
end

--- Hands each IPv4 packet that a capture sees to <code>take</code> until that returns true or the
-- time is over.
-- @param take gets the packet and when it came
-- @return true when take did
function M.collect(socket, milliseconds, take)
  local deadline = nmap.clock_ms() + milliseconds
  for _ = 1, 10000 do
    local remaining = math.floor(deadline - nmap.clock_ms())
    if remaining <= 0 then
      return false
    end
    socket:set_timeout(math.max(remaining, 10))
    local status, _, _, layer3, when = socket:pcap_receive()
    if not status then
      return false
    end
    local packet = layer3 and M.parse_ipv4(layer3)
    if packet and take(packet, when) then
      return true
    end
  end
  return false
end

return M
