--- The beginning of an SSH connection, before encryption (RFC 4253).
-- @copyright trawl contributors, Apache-2.0

local bounded = require "bounded"
local bytereader = require "bytereader"
local string = require "string"
local table = require "table"

local M = {}

M.KEXINIT, M.NEWKEYS, M.KEXDH_INIT, M.KEXDH_REPLY = 20, 21, 30, 31
local LONGEST = 35000  -- Bytes of a packet (section 6.1).

--- The lists of a KEXINIT in their order, with the names that nmap's scripts gave them.
M.LISTS = { "kex_algorithms", "server_host_key_algorithms", "encryption_algorithms",
  "encryption_algorithms_s2c", "mac_algorithms", "mac_algorithms_s2c", "compression_algorithms",
  "compression_algorithms_s2c", "languages_c2s", "languages_s2c" }

local function random_bytes(count)
  local parts = {}
  for i = 1, count do
    parts[i] = string.char(math.random(0, 255))
  end
  return table.concat(parts)
end

--- A packet without encryption.
function M.packet(payload)
  local padding = 8 - (#payload + 5) % 8
  if padding < 4 then
    padding = padding + 8
  end
  return string.pack(">I4B", #payload + padding + 1, padding) .. payload .. random_bytes(padding)
end

--- The payload of the next packet that is no DISCONNECT, IGNORE or DEBUG; or nil and why.
function M.receive(reader)
  for _ = 1, 20 do
    local head, why = reader:bytes(5)
    if not head then
      return nil, why
    end
    local length, padding = string.unpack(">I4B", head)
    if length > LONGEST or length < padding + 2 then
      return nil, "no SSH packet"
    end
    local data
    data, why = reader:bytes(length - 1)
    if not data then
      return nil, why
    end
    local payload = string.sub(data, 1, length - padding - 1)
    local kind = string.byte(payload)
    if kind == 1 then
      return nil, "the server disconnected"
    elseif kind ~= 2 and kind ~= 4 then
      return payload
    end
  end
  return nil, "no SSH packet"
end

--- Connects and exchanges identification strings.
-- @return the reader, the socket and the server's string; or nil and why
function M.connect(host, port)
  local reader, socket = bounded.connect(host, port, { protocol = "tcp", limit = 131072,
    seconds = 10 })
  if not reader then
    return nil, socket
  end
  for _ = 1, 50 do  -- Other lines may come first (section 4.2).
    local line = reader:line(1024)
    if not line then
      break
    elseif string.find(line, "^SSH%-2%.0%-") or string.find(line, "^SSH%-1%.99%-") then
      if socket:send("SSH-2.0-trawl\r\n") then
        return reader, socket, line
      end
      break
    elseif string.find(line, "^SSH%-") then
      break
    end
  end
  socket:close()
  return nil, "no SSH 2"
end

--- A KEXINIT that offers the given key exchanges and host keys.
function M.kexinit(exchanges, host_keys)
  local lists = { exchanges, host_keys }
  local ciphers = "aes128-ctr,aes256-ctr,aes128-cbc,3des-cbc,aes128-gcm@openssh.com," ..
    "chacha20-poly1305@openssh.com"
  local macs = "hmac-sha2-256,hmac-sha2-512,hmac-sha1,hmac-sha2-256-etm@openssh.com"
  for _, list in ipairs { ciphers, ciphers, macs, macs, "none", "none", "", "" } do
    lists[#lists + 1] = list
  end
  for i, list in ipairs(lists) do
    lists[i] = string.pack(">s4", list)
  end
  return "\20" .. random_bytes(16) .. table.concat(lists) .. "\0\0\0\0\0"
end

--- The lists of a server's KEXINIT by name, each a list; or nil and why.
function M.parse_kexinit(payload)
  local ok, lists = bytereader.parse(payload, function(r)
    if r:u8() ~= M.KEXINIT then
      bytereader.fail("no KEXINIT")
    end
    r:skip(16)
    local lists = {}
    for _, name in ipairs(M.LISTS) do
      local list = {}
      for each in string.gmatch(r:counted(4), "[^,]+") do
        list[#list + 1] = each
      end
      lists[name] = list
    end
    return lists
  end)
  if not ok then
    return nil, lists
  end
  return lists
end

--- The server's algorithms and identification string; or nil and why.
function M.algorithms(host, port)
  local reader, socket, banner = M.connect(host, port)
  if not reader then
    return nil, socket
  end
  local payload, why = M.receive(reader)
  socket:close()
  if not payload then
    return nil, why
  end
  local lists
  lists, why = M.parse_kexinit(payload)
  return lists, lists and banner or why
end

--- The public key of one kind that the server proves to have: the blob of RFC 4253 section 6.6.
-- Curve25519 (RFC 8731), ECDH on P-256 (RFC 5656) or group 14 (RFC 8268): whatever is offered of
-- them is only begun, so any value that is on the curve will do.
-- @return the blob; or nil and why
function M.host_key(host, port, kind)
  local reader, socket = M.connect(host, port)
  if not reader then
    return nil, socket
  end
  local exchanges = "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256," ..
    "diffie-hellman-group14-sha256,diffie-hellman-group14-sha1,diffie-hellman-group1-sha1"
  local status = socket:send(M.packet(M.kexinit(exchanges, kind)))
  local payload, why
  if status then
    payload, why = M.receive(reader)
  end
  local lists = payload and M.parse_kexinit(payload)
  local chosen
  for name in string.gmatch(exchanges, "[^,]+") do
    for _, each in ipairs(lists and lists.kex_algorithms or {}) do
      if each == name then
        chosen = chosen or name
      end
    end
  end
  if not chosen then
    socket:close()
    return nil, why or "no key exchange in common"
  end
  local public
  if string.find(chosen, "^curve") then
    public = "\9" .. string.rep("\0", 31)  -- The base point.
  elseif string.find(chosen, "^ecdh") then
    -- The generator of P-256 (SEC 2, section 2.4.2).
    public = "\4\x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40\xf2\x77\x03\x7d\x81" ..
      "\x2d\xeb\x33\xa0\xf4\xa1\x39\x45\xd8\x98\xc2\x96\x4f\xe3\x42\xe2\xfe\x1a\x7f\x9b\x8e\xe7" ..
      "\xeb\x4a\x7c\x0f\x9e\x16\x2b\xce\x33\x57\x6b\x31\x5e\xce\xcb\xb6\x40\x68\x37\xbf\x51\xf5"
  else
    public = "\2" .. random_bytes(100)
  end
  socket:send(M.packet("\30" .. string.pack(">s4", public)))
  payload, why = M.receive(reader)
  socket:close()
  if not payload then
    return nil, why
  end
  local ok, blob = bytereader.parse(payload, function(r)
    if r:u8() ~= M.KEXDH_REPLY then
      bytereader.fail("no key")
    end
    return r:counted(4)
  end)
  if not ok then
    return nil, blob
  end
  return blob
end

return M
