local bounded = require "bounded"
local bytereader = require "bytereader"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Connects to an MQTT broker without a name or password and, where that is allowed, reads what it
publishes of itself under $SYS.
]]

---
-- @usage
-- -p 1883 --script mqtt-info
-- @output
-- 1883/tcp open  mqtt
-- | mqtt-info:
-- |   connect: accepted
-- |   protocol: 3.1.1
-- |   topics:
-- |_    $SYS/broker/version: mosquitto version 2.0.11

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service({ 1883, 8883 }, { "mqtt", "secure-mqtt" })

local LARGEST = 65536   -- Bytes of a packet.
local MOST_TOPICS = 50
local PATIENCE = 2      -- Seconds for topics.
-- MQTT 3.1.1, table 3.1; MQTT 5.0, section 3.2.2.2.
local CODES = { [0] = "accepted", "unacceptable protocol version", "identifier rejected",
  "server unavailable", "bad user name or password", "not authorized",
  [0x84] = "unacceptable protocol version", [0x86] = "bad user name or password",
  [0x87] = "not authorized", [0x88] = "server unavailable", [0x8a] = "banned" }

local function packet(kind, body)
  local length, rest = "", #body
  repeat
    local byte = rest & 127
    rest = rest >> 7
    length = length .. string.char(rest > 0 and byte | 128 or byte)
  until rest == 0
  return string.char(kind) .. length .. body
end

-- The next packet: its first byte and its body.
local function receive(reader)
  local head = reader:bytes(1)
  if not head then
    return nil
  end
  local length = 0
  for i = 0, 3 do
    local byte = reader:bytes(1)
    if not byte then
      return nil
    end
    length = length | (string.byte(byte) & 127) << 7 * i
    if string.byte(byte) < 128 then
      break
    end
  end
  if length > LARGEST then
    return nil
  end
  local body = reader:bytes(length)
  return body and string.byte(head), body
end

local function connect_packet(level)
  return packet(0x10, string.pack(">s2BBI2", "MQTT", level, 2, 30) ..
    (level == 5 and "\0" or "") .. string.pack(">s2", "trawl" .. math.random(0, 999999)))
end

-- Topic and text of a PUBLISH of quality 0.
local function published(body)
  local ok, topic, text = bytereader.parse(body, function(r)
    return r:counted(2), r:rest()
  end)
  if ok then
    return topic, text
  end
  return nil
end

local function topics(reader, socket)
  if not socket:send(packet(0x82, string.pack(">I2s2B", 1, "$SYS/#", 0))) then
    return nil
  end
  reader.deadline = math.min(reader.deadline, reader.deadline - 8000 + PATIENCE * 1000)
  local list, count = stdnse.output_table(), 0
  while count < MOST_TOPICS do
    local kind, body = receive(reader)
    if not kind then
      break
    end
    local topic, text = nil, nil
    if kind & 0xf0 == 0x30 then
      topic, text = published(body)
    end
    if topic and not list[topic] then
      list[topic] = string.sub(text, 1, 256)
      count = count + 1
    end
  end
  return count > 0 and list or nil
end

action = function(host, port)
  local output = stdnse.output_table()
  for _, level in ipairs { 4, 5 } do
    local secure = port.number == 8883 or port.service == "secure-mqtt"
    local reader, socket = bounded.connect(host, port, { limit = 1 << 20, seconds = 8,
      protocol = secure and "ssl" or nil })
    if not reader then
      return nil
    end
    local kind, body
    if socket:send(connect_packet(level)) then
      kind, body = receive(reader)
    end
    local code = kind == 0x20 and body and string.byte(body, 2)
    if code and not (level == 4 and code == 1) then
      output.connect = CODES[code] or string.format("refused with code %d", code)
      output.protocol = level == 4 and "3.1.1" or "5.0"
      -- Topics of a broker with version 5 have properties; 3.1.1 is nearly everywhere too.
      output.topics = code == 0 and level == 4 and topics(reader, socket) or nil
      socket:send(packet(0xe0, ""))
      socket:close()
      return output
    end
    socket:close()
  end
  return nil
end
