local bounded = require "bounded"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Tells whether a PostgreSQL server takes TLS (its SSLRequest), and whether it lets a stranger in
without it: what it answers a login as "postgres".
]]

---
-- @usage
-- -p 5432 --script pgsql-tls
-- @output
-- 5432/tcp open  postgresql
-- | pgsql-tls:
-- |   tls: refused
-- |   without tls:
-- |     authentication: SCRAM-SHA-256
-- |_    message: no pg_hba.conf entry for host

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service({ 5432, 6432 }, "postgresql")

-- Authentication requests of the protocol's version 3.
local METHODS = { [0] = "none needed", [2] = "Kerberos 5", [3] = "password in clear", [5] = "MD5",
  [7] = "GSSAPI", [9] = "SSPI", [10] = "SASL" }
local LARGEST = 8192

local function tls(host, port)
  local reader, socket = bounded.connect(host, port, { protocol = "tcp", limit = 64, seconds = 6 })
  if not reader then
    return nil
  end
  local answer = socket:send(string.pack(">I4I4", 8, 80877103)) and reader:bytes(1)
  socket:close()
  return answer == "S" and "offered" or answer == "N" and "refused" or nil
end

-- Fields of an ErrorResponse by their letter.
local function fields_of(body)
  local fields = {}
  for letter, text in string.gmatch(body, "(%a)(%Z*)%z") do
    fields[letter] = text
  end
  return fields
end

local function login(host, port)
  local reader, socket = bounded.connect(host, port, { protocol = "tcp", limit = LARGEST,
    seconds = 6 })
  if not reader then
    return nil
  end
  local body = string.pack(">I4", 196608) .. "user\0postgres\0database\0postgres\0\0"
  local head = socket:send(string.pack(">I4", #body + 4) .. body) and reader:bytes(5)
  local kind, length, data = nil, nil, nil
  if head then
    kind, length = string.unpack(">c1I4", head)
    data = length >= 4 and length <= LARGEST and reader:bytes(length - 4)
  end
  socket:close()
  if not data then
    return nil
  end
  local output = stdnse.output_table()
  if kind == "R" and #data >= 4 then
    local number = string.unpack(">I4", data)
    output.authentication = number == 10 and string.match(data, "^%Z+", 5) or METHODS[number] or
      tostring(number)
  elseif kind == "E" then
    local fields = fields_of(data)
    output.code = fields.C
    output.message = fields.M
  else
    return nil
  end
  return output
end

action = function(host, port)
  local answer = tls(host, port)
  if not answer then
    return nil
  end
  local output = stdnse.output_table()
  output.tls = answer
  output["without tls"] = login(host, port)
  return output
end
