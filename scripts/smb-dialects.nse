local bounded = require "bounded"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Lists the dialects that an SMB server takes ([MS-SMB2] 2.2.3, [MS-CIFS] for SMB 1), and whether it
wants messages signed.
]]

---
-- @usage
-- -p 445 --script smb-dialects
-- @output
-- 445/tcp open  microsoft-ds
-- | smb-dialects:
-- |   dialects:
-- |     2.0.2
-- |     2.1
-- |     3.0
-- |     3.0.2
-- |     3.1.1
-- |_  signing: enabled, not required

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service({ 139, 445 }, { "microsoft-ds", "netbios-ssn" })

local DIALECTS = { { "2.0.2", 0x0202 }, { "2.1", 0x0210 }, { "3.0", 0x0300 }, { "3.0.2", 0x0302 },
  { "3.1.1", 0x0311 } }
local LARGEST = 65536

-- A NetBIOS name, each half of a byte as a letter (RFC 1002 section 4.1).
local function netbios_name(name, kind)
  local padded = name .. string.rep(" ", 15 - #name) .. string.char(kind)
  return "\32" .. string.gsub(padded, ".", function(c)
    local byte = string.byte(c)
    return string.char(0x41 + (byte >> 4), 0x41 + (byte & 15))
  end) .. "\0"
end

-- Sends one message on a connection of its own; the answer, without the header of its transport.
local function ask(host, port, message)
  local reader, socket = bounded.connect(host, port, { protocol = "tcp", limit = LARGEST,
    seconds = 8 })
  if not reader then
    return nil
  end
  local ready = true
  if port.number == 139 then
    local names = netbios_name("*SMBSERVER", 0x20) .. netbios_name("TRAWL", 0)
    socket:send(string.pack(">BBs2", 0x81, 0, names))
    local answer = reader:bytes(4)
    ready = answer ~= nil and string.byte(answer) == 0x82
  end
  local data
  if ready and socket:send(string.pack(">BI3", 0, #message) .. message) then
    local head = reader:bytes(4)
    local length = head and string.unpack(">I3", head, 2)
    data = length and length <= LARGEST - 512 and reader:bytes(length)
  end
  socket:close()
  return data or nil
end

-- SMB2 NEGOTIATE for one dialect: its number as the server confirms it, and the security mode.
local function negotiate(host, port, dialect)
  local header = string.pack("<c4I2I2I4I2I2I4I4I8I4I4I8c16", "\xfeSMB", 64, 0, 0, 0, 1, 0, 0, 0, 0,
    0, 0, "")
  local body = string.pack("<I2I2I2I2I4", 36, 1, 1, 0, 0x7f) .. string.rep("\1", 16)
  if dialect == 0x0311 then
    -- A context of pre-authentication integrity: SHA-512, with a salt.
    local context = string.pack("<I2I2I2", 1, 32, 1) .. string.rep("\2", 32)
    body = body .. string.pack("<I4I2I2I2xx", 64 + 40, 1, 0, dialect) ..
      string.pack("<I2I2I4", 1, #context, 0) .. context
  else
    body = body .. string.rep("\0", 8) .. string.pack("<I2", dialect)
  end
  local answer = ask(host, port, header .. body)
  if not answer or #answer < 70 or string.sub(answer, 1, 4) ~= "\xfeSMB" or
      string.unpack("<I4", answer, 9) ~= 0 then
    return nil
  end
  local mode, chosen = string.unpack("<I2I2", answer, 67)
  return chosen == dialect, mode
end

-- The dialect "NT LM 0.12" of SMB 1.
local function speaks_smb1(host, port)
  local message = string.pack("<c4BI4BI2I2c8I2I2I2I2I2", "\xffSMB", 0x72, 0, 0x18, 0xc801, 0, "", 0,
    0, 1, 0, 1) .. "\0" .. string.pack("<s2", "\2NT LM 0.12\0")
  local answer = ask(host, port, message)
  return answer ~= nil and #answer >= 35 and string.sub(answer, 1, 4) == "\xffSMB" and
    string.unpack("<I4", answer, 6) == 0 and string.byte(answer, 33) >= 13 and
    string.unpack("<I2", answer, 34) == 0
end

action = function(host, port)
  local found, mode = {}, nil
  if speaks_smb1(host, port) then
    found[1] = "NT LM 0.12 (SMB 1)"
  end
  for _, dialect in ipairs(DIALECTS) do
    local taken, security = negotiate(host, port, dialect[2])
    if taken then
      found[#found + 1] = dialect[1]
      mode = security
    end
  end
  if #found == 0 then
    return nil
  end
  local output = stdnse.output_table()
  output.dialects = found
  if mode then
    output.signing = mode & 2 ~= 0 and "required" or mode & 1 ~= 0 and "enabled, not required" or
      "disabled"
  end
  return output
end
