local bounded = require "bounded"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Shows what a Redis server tells of itself (INFO), or that it wants a password.
]]

---
-- @usage
-- -p 6379 --script redis-info
-- @output
-- 6379/tcp open  redis
-- | redis-info:
-- |   Version: 7.0.15
-- |   Operating System: Linux 6.1.0 x86_64
-- |   Architecture: 64 bits
-- |   Process ID: 2
-- |_  Role: master

author = "trawl contributors"
license = "Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service(6379, "redis")

local MOST = 65536
local FIELDS = { { "Version", "redis_version" }, { "Operating System", "os" },
  { "Architecture", "arch_bits" }, { "Process ID", "process_id" },
  { "Used CPU (sys)", "used_cpu_sys" }, { "Used CPU (user)", "used_cpu_user" },
  { "Connected clients", "connected_clients" }, { "Connected slaves", "connected_slaves" },
  { "Used memory", "used_memory_human" }, { "Role", "role" } }

-- The text of a bulk string, or the error of an error reply (RESP).
local function ask(reader, socket, ...)
  local words = { ... }
  local request = "*" .. #words .. "\r\n"
  for _, word in ipairs(words) do
    request = request .. "$" .. #word .. "\r\n" .. word .. "\r\n"
  end
  if not socket:send(request) then
    return nil
  end
  local line = reader:line()
  local kind, rest = string.match(line or "", "^([-+$*])(.*)$")
  if kind == "$" then
    local length = tonumber(rest)
    if not length or length < 0 or length > MOST then
      return nil
    end
    local text = reader:bytes(length)
    return text and reader:line() and text
  elseif kind == "*" then
    return nil, nil, tonumber(rest)
  elseif kind == "-" then
    return nil, rest
  end
  return rest
end

-- Strings of an array reply.
local function list_of(reader, count)
  local list = {}
  for _ = 1, math.min(count or 0, 64) do
    local length = tonumber(string.match(reader:line() or "", "^%$(%d+)$") or "")
    local text = length and length <= MOST and reader:bytes(length)
    if not text or not reader:line() then
      break
    end
    list[#list + 1] = text
  end
  return list
end

local function details(reader, socket, output)
  local _, _, count = ask(reader, socket, "CONFIG", "GET", "bind")
  local bind = list_of(reader, count)[2]
  if bind then
    local addresses = {}
    for address in string.gmatch(bind, "%S+") do
      addresses[#addresses + 1] = address
    end
    output["Bind addresses"] = #addresses > 0 and addresses or { "0.0.0.0" }
  end
  local clients, known = {}, {}
  for address in string.gmatch(ask(reader, socket, "CLIENT", "LIST") or "", " addr=(%S+):%d+") do
    if not known[address] and #clients < 100 then
      known[address] = true
      clients[#clients + 1] = address
    end
  end
  output["Client connections"] = #clients > 0 and clients or nil
end

action = function(host, port)
  local reader, socket = bounded.connect(host, port, { limit = 4 * MOST, seconds = 10 })
  if not reader then
    return nil
  end
  local output = stdnse.output_table()
  local info, why = ask(reader, socket, "INFO")
  if not info then
    socket:close()
    why = why or ""
    if string.find(why, "^NOAUTH") or string.find(why, "operation not permitted") then
      return "Authentication required"
    end
    return nil
  end
  local values = {}
  for name, value in string.gmatch(info, "([%w_]+):([^\r\n]*)") do
    values[name] = value
  end
  for _, field in ipairs(FIELDS) do
    output[field[1]] = values[field[2]]
  end
  if values.arch_bits then
    output.Architecture = values.arch_bits .. " bits"
  end
  details(reader, socket, output)
  socket:close()
  return values.redis_version and output or nil
end
