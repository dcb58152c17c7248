local bounded = require "bounded"
local shortport = require "shortport"
local string = require "string"

description = [[
Tells the methods that a SIP server supports, in answer to OPTIONS (RFC 3261 section 11).
]]

---
-- @usage
-- -sU -p 5060 --script sip-methods
-- @output
-- 5060/udp open  sip
-- |_sip-methods: INVITE, ACK, BYE, CANCEL, OPTIONS

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service({ 5060, 5061 }, { "sip", "sip-tls" }, { "tcp", "udp" })

local LONGEST = 2048

local function request(host, port)
  local tag = string.format("%08x", math.random(0, 0x7fffffff))
  local target = string.find(host.ip, ":", 1, true) and "[" .. host.ip .. "]" or host.ip
  local transport = port.protocol == "udp" and "UDP" or "TCP"
  return "OPTIONS sip:" .. target .. " SIP/2.0\r\n" ..
    "Via: SIP/2.0/" .. transport .. " trawl.invalid:5060;rport;branch=z9hG4bK" .. tag .. "\r\n" ..
    "Max-Forwards: 70\r\n" ..
    "From: <sip:trawl@trawl.invalid>;tag=" .. tag .. "\r\n" ..
    "To: <sip:" .. target .. ">\r\n" ..
    "Call-ID: " .. tag .. "@trawl.invalid\r\n" ..
    "CSeq: 1 OPTIONS\r\n" ..
    "Contact: <sip:trawl@trawl.invalid>\r\n" ..
    "Accept: application/sdp\r\nContent-Length: 0\r\n\r\n"
end

local function ask_stream(host, port, text)
  local reader, socket = bounded.connect(host, port, { limit = 65536, seconds = 6 })
  if not reader then
    return nil
  end
  local answer
  if socket:send(text) then
    answer = reader:before("\r\n\r\n", 32768)
  end
  socket:close()
  return answer
end

action = function(host, port)
  local text, answer = request(host, port), nil
  if port.protocol == "udp" then
    answer = bounded.ask_udp(host, port, text, {
      accept = function(data) return string.find(data, "^SIP/2%.0 [2-6]%d%d") ~= nil end,
    })
  else
    answer = ask_stream(host, port, text)
  end
  if not answer or not string.find(answer, "^SIP/2%.0 %d%d%d") then
    return nil
  end
  for line in string.gmatch(string.sub(answer, 1, 32768), "[^\r\n]+") do
    local methods = string.match(line, "^[Aa][Ll][Ll][Oo][Ww]%s*:%s*(.-)%s*$")
    if methods then
      return string.sub(methods, 1, LONGEST)
    end
  end
  return nil
end
