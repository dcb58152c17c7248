local bounded = require "bounded"
local bytereader = require "bytereader"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Shows what a MySQL or MariaDB server says in its greeting: version, thread, capabilities, status,
salt and the plugin for passwords.
]]

---
-- @usage
-- -p 3306 --script mysql-info
-- @output
-- 3306/tcp open  mysql
-- | mysql-info:
-- |   Protocol: 10
-- |   Version: 8.0.30
-- |   Thread ID: 7
-- |   Capabilities flags: 65535
-- |   Some Capabilities: LongPassword, SupportsTransactions
-- |   Status: Autocommit
-- |   Salt: bYyt\NQ/4V6IN+*3`imj
-- |_  Auth Plugin Name: caching_sha2_password

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service(3306, "mysql")

-- Bit numbers of the lower half ("Capabilities Flags" of MySQL's protocol).
local CAPABILITIES = { [0] = "LongPassword", "FoundRows", "LongColumnFlag", "ConnectWithDatabase",
  "DontAllowDatabaseTableColumn", "SupportsCompression", "ODBCClient", "SupportsLoadDataLocal",
  "IgnoreSpaceBeforeParenthesis", "Speaks41ProtocolNew", "InteractiveClient",
  "SwitchToSSLAfterHandshake", "IgnoreSigpipes", "SupportsTransactions", "Speaks41ProtocolOld",
  "Support41Auth",
  "SupportsMultipleStatments", "SupportsMultipleResults", "SupportsAuthPlugins" }
local STATUS = { [0] = "InTransaction", "Autocommit", nil, "MoreResults", "NoGoodIndexUsed",
  "NoIndexUsed", "CursorExists", "LastRowSent", "DatabaseDropped", "NoBackslashEscapes" }
local LARGEST = 4096

local function names_of(flags, names, last)
  local list = {}
  for bit = 0, last do
    if names[bit] and flags >> bit & 1 == 1 then
      list[#list + 1] = names[bit]
    end
  end
  return list
end

-- An error packet instead of a greeting: "is not allowed to connect", too many connections.
local function read_error(r)
  local code = r:u16le()
  return string.format("%d: %s", code, r:rest())
end

local function read_greeting(r)
  local protocol = r:u8()
  if protocol == 0xff then
    return nil, read_error(r)
  elseif protocol ~= 9 and protocol ~= 10 then
    bytereader.fail("no greeting")
  end
  local output = stdnse.output_table()
  output.Protocol = protocol
  output.Version = r:zstring()
  output["Thread ID"] = r:u32le()
  if protocol == 9 then
    output.Salt = r:zstring()
    return output
  end
  local salt = r:bytes(8)
  r:skip(1)
  local flags = r:u16le()
  if r:left() >= 16 then
    r:skip(1)  -- Character set.
    local status = r:u16le()
    flags = flags | r:u16le() << 16
    local length = r:u8()
    r:skip(10)
    output["Capabilities flags"] = flags & 0xffff
    output["Some Capabilities"] = table.concat(names_of(flags, CAPABILITIES, 18), ", ")
    output.Status = table.concat(names_of(status, STATUS, 9), ", ")
    if r:left() > 0 then
      salt = salt .. string.gsub(r:bytes(math.min(math.max(13, length - 8), r:left())), "%z.*", "")
    end
    output.Salt = salt
    output["Auth Plugin Name"] = flags & 1 << 19 ~= 0 and r:left() > 0 and
      string.match(r:rest(), "^%Z+") or nil
  end
  return output
end

action = function(host, port)
  local reader, socket = bounded.connect(host, port, { limit = LARGEST * 2, seconds = 8 })
  if not reader then
    return nil
  end
  local head = reader:bytes(4)
  local length = head and string.unpack("<I3", head)
  local data = length and length > 0 and length <= LARGEST and reader:bytes(length)
  socket:close()
  if not data then
    return nil
  end
  local ok, output, refusal = bytereader.parse(data, read_greeting)
  if not ok then
    return nil
  end
  if refusal then
    output = stdnse.output_table()
    output.Error = refusal
  end
  return output
end
