--- Asks a TLS server what it speaks, one ClientHello at a time (RFC 8446, RFC 5246, RFC 2246).
--
-- Only hellos pass: no keys are made, nothing is encrypted, and no library decides what may be
-- offered. So servers can be asked for what no modern library speaks any more.
-- @copyright trawl contributors, Apache-2.0

local bounded = require "bounded"
local bytereader = require "bytereader"
local string = require "string"
local table = require "table"
local tlsciphers = require "tlsciphers"
local upgrade = require "tlsupgrade"

local M = {}

--- Wire numbers of the versions, oldest first.
M.VERSIONS = { { "SSLv3", 0x0300 }, { "TLSv1.0", 0x0301 }, { "TLSv1.1", 0x0302 },
  { "TLSv1.2", 0x0303 }, { "TLSv1.3", 0x0304 } }

local NUMBER_OF = {}
for _, each in ipairs(M.VERSIONS) do
  NUMBER_OF[each[1]] = each[2]
end

local HANDSHAKE, ALERT = 22, 21
local SERVER_HELLO = 2
local MOST_RECORDS = 64

-- HelloRetryRequest is a ServerHello with this random (RFC 8446 section 4.1.3).
local RETRY = "\xCF\x21\xAD\x74\xE5\x9A\x61\x11\xBE\x1D\x8C\x02\x1E\x65\xB8\x91" ..
  "\xC2\xA2\x11\x16\x7A\xBB\x8C\x5E\x07\x9E\x09\xE2\xC8\xA8\x33\x9C"

local GROUPS = { 0x001d, 0x0017, 0x0018, 0x0019, 0x001e, 0x0016, 0x000e, 0x000d, 0x0100, 0x0101,
  0x0102, 0x0103, 0x0104 }
local GROUP_NAMES = { [0x001d] = "x25519", [0x0017] = "secp256r1", [0x0018] = "secp384r1",
  [0x0019] = "secp521r1", [0x001e] = "x448", [0x0016] = "secp256k1", [0x0100] = "ffdhe2048",
  [0x0101] = "ffdhe3072", [0x0102] = "ffdhe4096", [0x0103] = "ffdhe6144", [0x0104] = "ffdhe8192" }
local SIGNATURES = { 0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080a,
  0x080b, 0x0401, 0x0501, 0x0601, 0x0303, 0x0301, 0x0302, 0x0402, 0x0502, 0x0602, 0x0203, 0x0201,
  0x0202, 0x0101 }

local function numbers16(list)
  local parts = {}
  for i, each in ipairs(list) do
    parts[i] = string.pack(">I2", each)
  end
  return table.concat(parts)
end

local function extension(kind, data)
  return string.pack(">I2s2", kind, data)
end

local function random_bytes(count)
  local parts = {}
  for i = 1, count do
    parts[i] = string.char(math.random(0, 255))
  end
  return table.concat(parts)
end

--- The record of a ClientHello.
-- @param options <code>version</code> (name), <code>ciphers</code> (numbers),
--   <code>name</code> (for server_name)
function M.client_hello(options)
  local version = NUMBER_OF[options.version]
  local is_new = version == 0x0304
  local extensions = {}
  if version > 0x0300 then
    if options.name then
      extensions[#extensions + 1] = extension(0, string.pack(">s2", "\0" ..
        string.pack(">s2", options.name)))
    end
    extensions[#extensions + 1] = extension(10, string.pack(">s2", numbers16(GROUPS)))
    extensions[#extensions + 1] = extension(11, "\1\0")
    if version >= 0x0303 then
      extensions[#extensions + 1] = extension(13, string.pack(">s2", numbers16(SIGNATURES)))
    end
  end
  if is_new then
    extensions[#extensions + 1] = extension(43, "\2" .. string.pack(">I2", version))
    -- Any 32 bytes are a public key of X25519.
    extensions[#extensions + 1] = extension(51, string.pack(">s2",
      string.pack(">I2s2", 0x001d, random_bytes(32))))
    extensions[#extensions + 1] = extension(45, "\1\1")
  end
  local body = string.pack(">I2", math.min(version, 0x0303)) .. random_bytes(32) ..
    (is_new and string.pack("s1", random_bytes(32)) or "\0") ..
    string.pack(">s2", numbers16(options.ciphers)) .. "\1\0" ..
    (#extensions > 0 and string.pack(">s2", table.concat(extensions)) or "")
  local message = "\1" .. string.pack(">I3", #body) .. body
  return string.pack(">BI2s2", HANDSHAKE, math.min(version, 0x0301), message)
end

local function read_server_hello(r)
  local hello = { version = r:u16() }
  local random = r:bytes(32)
  hello.retry = random == RETRY
  r:counted(1)
  hello.cipher = r:u16()
  hello.compression = r:u8()
  if r:left() >= 2 then
    local extensions = bytereader.new(r:counted(2))
    while extensions:left() > 0 do
      local kind, data = extensions:u16(), extensions:counted(2)
      if kind == 43 and #data == 2 then
        hello.version = string.unpack(">I2", data)
      elseif kind == 51 and #data >= 2 then
        hello.group = GROUP_NAMES[string.unpack(">I2", data)]
      end
    end
  end
  return hello
end

-- The first handshake message of the server, over as many records as it takes.
local function read_hello(reader)
  local handshake = ""
  for _ = 1, MOST_RECORDS do
    local head, why = reader:bytes(5)
    if not head then
      return nil, why
    end
    local kind, _, length = string.unpack(">BI2I2", head)
    if length > 16384 + 2048 then
      return nil, "no TLS"
    end
    local data
    data, why = reader:bytes(length)
    if not data then
      return nil, why
    elseif kind == ALERT and length == 2 then
      if string.byte(data, 1) == 2 then
        return nil, "alert", string.byte(data, 2)
      end
    elseif kind ~= HANDSHAKE then
      return nil, "no TLS"
    else
      handshake = handshake .. data
      if #handshake >= 4 then
        local message, size = string.unpack(">BI3", handshake)
        if message ~= SERVER_HELLO or size > 16384 then
          return nil, "no TLS"
        elseif #handshake >= 4 + size then
          local ok, hello = bytereader.parse(string.sub(handshake, 5, 4 + size), read_server_hello)
          if not ok then
            return nil, hello
          end
          return hello
        end
      end
    end
  end
  return nil, "no TLS"
end

--- Sends one ClientHello on a connection of its own, after what the protocol needs first.
-- @param options as of client_hello()
-- @return a table of version, cipher, group; or nil, why and the alert's number if it was one
function M.ask(host, port, options)
  local reader, socket = bounded.connect(host, port, { protocol = "tcp", limit = 65536,
    seconds = options.seconds or 8 })
  if not reader then
    return nil, socket
  end
  local status, why = upgrade.start(host, port, reader, socket)
  local alert
  local hello
  if status then
    status, why = socket:send(M.client_hello(options))
    if status then
      hello, why, alert = read_hello(reader)
    end
  end
  socket:close()
  return hello, why, alert
end

--- The suites of a version that the server takes, in its order of preference where it has one.
-- Each is offered with all that are left, and the one chosen is left out of the next offer.
-- @return a list of numbers and the groups they used; or nil and why when the version is not spoken
function M.enumerate(host, port, version)
  local left = tlsciphers.of_version(version)
  local found, groups, failures = {}, {}, 0
  local name = type(host) == "table" and host.targetname or nil
  -- Large offers upset some servers, so they come in parts.
  local parts = {}
  for at = 1, #left, 64 do
    parts[#parts + 1] = table.move(left, at, math.min(at + 63, #left), 1, {})
  end
  local why
  for _, part in ipairs(parts) do
    while #part > 0 do
      local hello, told = M.ask(host, port, { version = version, ciphers = part, name = name })
      if not hello then
        why = told
        failures = failures + (told ~= "alert" and 1 or 0)
        break
      end
      local at
      for i, each in ipairs(part) do
        if each == hello.cipher then
          at = i
        end
      end
      if not at or hello.version ~= NUMBER_OF[version] then
        why = "another version"
        break
      end
      table.remove(part, at)
      found[#found + 1] = hello.cipher
      groups[hello.cipher] = hello.group
    end
    if failures > 1 then
      break
    end
  end
  if #found == 0 then
    return nil, why
  end
  return found, groups
end

--- Whether the server chooses by its own order, of the first two suites that it takes.
function M.has_own_order(host, port, version, found)
  if #found < 2 then
    return nil
  end
  local hello = M.ask(host, port, { version = version, ciphers = { found[2], found[1] },
    name = type(host) == "table" and host.targetname or nil })
  if not hello then
    return nil
  end
  return hello.cipher == found[1]
end


return M
