--- What a protocol needs to hear before TLS begins (STARTTLS and its kin).
-- @copyright trawl contributors, Apache-2.0

local bounded = require "bounded"
local string = require "string"

local M = {}

local function send(socket, text)
  return socket:send(text)
end

-- RFC 3207.
local function smtp(reader, socket)
  local code = reader:numbered_reply()
  if code ~= 220 or not send(socket, "EHLO trawl.invalid\r\n") then
    return nil, "no SMTP greeting"
  end
  code = reader:numbered_reply()
  if code ~= 250 or not send(socket, "STARTTLS\r\n") then
    return nil, "no SMTP extensions"
  end
  return reader:numbered_reply() == 220, "STARTTLS refused"
end

-- RFC 4217.
local function ftp(reader, socket)
  local code = reader:numbered_reply()
  if code ~= 220 or not send(socket, "AUTH TLS\r\n") then
    return nil, "no FTP greeting"
  end
  return reader:numbered_reply() == 234, "AUTH TLS refused"
end

-- RFC 9051 section 6.2.1.
local function imap(reader, socket)
  if not reader:line() or not send(socket, "a STARTTLS\r\n") then
    return nil, "no IMAP greeting"
  end
  for _ = 1, 20 do
    local line = reader:line()
    if not line then
      break
    elseif string.find(line, "^a ") then
      return string.find(line, "^a OK") ~= nil, "STARTTLS refused"
    end
  end
  return nil, "STARTTLS not answered"
end

-- RFC 2595 section 4.
local function pop3(reader, socket)
  if not reader:line() or not send(socket, "STLS\r\n") then
    return nil, "no POP3 greeting"
  end
  local line = reader:line()
  return line ~= nil and string.find(line, "^%+OK") ~= nil, "STLS refused"
end

-- The extended operation 1.3.6.1.4.1.1466.20037 of RFC 4511 section 4.14.
local function ldap(reader, socket)
  local oid = "1.3.6.1.4.1.1466.20037"
  local request = "\x77" .. string.pack("s1", "\x80" .. string.pack("s1", oid))
  if not send(socket, "\x30" .. string.pack("s1", "\x02\x01\x01" .. request)) then
    return nil, "no LDAP"
  end
  local head = reader:bytes(2)
  local length = head and string.byte(head, 2)
  if not length or length >= 0x80 and length ~= 0x84 and length ~= 0x81 then
    return nil, "no LDAP"
  end
  if length == 0x84 then
    length = string.unpack(">I4", reader:bytes(4) or "\0\0\0\0")
  elseif length == 0x81 then
    length = string.byte(reader:bytes(1) or "\0")
  end
  local body = length <= 4096 and reader:bytes(length)
  return body ~= nil and body ~= false and string.find(body, "\x0a\x01\x00", 1, true) ~= nil,
    "StartTLS refused"
end

-- PostgreSQL's manual, "SSL Session Encryption".
local function postgresql(reader, socket)
  if not send(socket, string.pack(">I4I4", 8, 80877103)) then
    return nil, "no PostgreSQL"
  end
  return reader:bytes(1) == "S", "TLS refused"
end

-- RFC 6120 section 5.4.
local function xmpp(reader, socket)
  send(socket, "<?xml version='1.0'?><stream:stream xmlns='jabber:client' version='1.0' " ..
    "xmlns:stream='http://etherx.jabber.org/streams' to='localhost'>")
  if not reader:before("</stream:features>", 16384) then
    return nil, "no XMPP features"
  end
  send(socket, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
  local answer = reader:before(">", 1024)
  return answer ~= nil and string.find(answer, "<proceed", 1, true) ~= nil, "starttls refused"
end

-- MySQL's protocol, "Connection Phase": the server greets, the client asks for SSL (0x0800).
local function mysql(reader, socket)
  local head = reader:bytes(4)
  local length = head and string.unpack("<I3", head)
  local greeting = length and length <= 1024 and reader:bytes(length)
  local _, stop = string.find(greeting or "", "\0", 2, true)
  if not stop or #greeting < stop + 15 then
    return nil, "no MySQL greeting"
  end
  local low = string.unpack("<I2", greeting, stop + 14)
  if low & 0x0800 == 0 then
    return nil, "TLS is not offered"
  end
  local body = string.pack("<I4I4B", 0x00008a00 | 1, 1 << 24, 45) .. string.rep("\0", 23)
  return send(socket, string.pack("<I3B", #body, 1) .. body) and true, "no MySQL"
end

-- [MS-RDPBCGR] 2.2.1.1: asks for TLS and CredSSP.
local function rdp(reader, socket)
  send(socket, "\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x03\x00\x00\x00")
  local head = reader:bytes(4)
  local length = head and string.unpack(">I2", head, 3)
  local body = length and length >= 19 and length <= 1024 and reader:bytes(length - 4)
  return body ~= nil and body ~= false and string.byte(body, 8) == 2, "TLS refused"
end

M.BY_SERVICE = { smtp = smtp, submission = smtp, ftp = ftp, imap = imap, pop3 = pop3, ldap = ldap,
  postgresql = postgresql, ["xmpp-client"] = xmpp, ["xmpp-server"] = xmpp, mysql = mysql,
  ["ms-wbt-server"] = rdp }
M.BY_PORT = { [21] = ftp, [25] = smtp, [110] = pop3, [143] = imap, [389] = ldap, [587] = smtp,
  [3306] = mysql, [3389] = rdp, [5222] = xmpp, [5269] = xmpp, [5432] = postgresql }

--- The function that starts TLS on a port, or nil when TLS begins at once.
function M.of(port)
  if port.version and port.version.service_tunnel == "ssl" then
    return nil
  end
  return M.BY_SERVICE[port.service or ""] or M.BY_PORT[port.number]
end

--- Has the server begin TLS, where the port's protocol needs that.
-- @return true; or nil and why
function M.start(_, port, reader, socket)
  local begin = M.of(port)
  if not begin then
    return true
  end
  local ok, why = begin(reader, socket)
  if ok then
    return true
  end
  return nil, why
end

--- A rule: TLS from the first byte, or a protocol that can start it.
function M.rule(host, port)
  local shortport = require "shortport"
  if port.protocol ~= "tcp" or port.state ~= "open" then
    return false
  end
  return shortport.ssl(host, port) or M.of(port) ~= nil
end

--- A socket that has done a TLS handshake with the port; or nil and why.
function M.connect(host, port, seconds)
  local begin = M.of(port)
  local reader, socket = bounded.connect(host, port, { protocol = begin and "tcp" or "ssl",
    seconds = seconds or 8, limit = 65536 })
  if not reader then
    return nil, socket
  elseif not begin then
    return socket
  end
  local ok, why = begin(reader, socket)
  if ok then
    local status
    status, why = socket:reconnect_ssl()
    if status then
      return socket
    end
  end
  socket:close()
  return nil, why
end

return M
