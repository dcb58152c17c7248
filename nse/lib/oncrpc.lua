--- Calls of ONC RPC version 2 (RFC 5531) with XDR (RFC 4506).
-- @copyright trawl contributors, Apache-2.0

local bounded = require "bounded"
local bytereader = require "bytereader"
local math = require "math"
local string = require "string"

local M = {}

M.PORTMAPPER, M.NFS, M.MOUNT = 100000, 100003, 100005
local MOST = 1 << 18  -- Bytes of one answer.

--- A string with its padding.
function M.xdr_string(text)
  return string.pack(">s4", text) .. string.rep("\0", -#text % 4)
end

--- Reads one at a reader of bytereader.
function M.read_string(r, most)
  local length = r:u32()
  if length > (most or 4096) then
    bytereader.fail("a string is too long")
  end
  local text = r:bytes(length)
  r:skip(-length % 4)
  return text
end

local function reply_body(id, data)
  local ok, body = bytereader.parse(data, function(r)
    if r:u32() ~= id or r:u32() ~= 1 then
      bytereader.fail("no reply to the call")
    end
    if r:u32() ~= 0 then
      bytereader.fail("the call was denied")
    end
    r:u32()
    M.read_string(r, 400)
    local state = r:u32()
    if state ~= 0 then
      local why = { "no such program", "no such version", "no such procedure", "bad arguments" }
      bytereader.fail(why[state] or "the call failed")
    end
    return r:rest()
  end)
  if not ok then
    return nil, body
  end
  return body
end

-- The fragments of one record (RFC 5531 section 11).
local function read_record(reader)
  local parts = ""
  for _ = 1, 64 do
    local head, why = reader:bytes(4)
    if not head then
      return nil, why
    end
    local length = string.unpack(">I4", head)
    local last = length & 0x80000000 ~= 0
    length = length & 0x7fffffff
    if #parts + length > MOST then
      return nil, "too much data"
    end
    local data
    data, why = reader:bytes(length)
    if not data then
      return nil, why
    end
    parts = parts .. data
    if last then
      return parts
    end
  end
  return nil, "too many fragments"
end

--- Calls a procedure without credentials.
-- @param what <code>program</code>, <code>version</code>, <code>procedure</code>,
--   <code>arguments</code> as bytes
-- @return the result as bytes; or nil and why
function M.call(host, port, what)
  local id = math.random(0, 0x7fffffff)
  local message = string.pack(">I4I4I4I4I4I4I4I4I4I4", id, 0, 2, what.program, what.version,
    what.procedure, 0, 0, 0, 0) .. (what.arguments or "")
  local data, why
  if port.protocol == "udp" then
    data, why = bounded.ask_udp(host, port, message, {
      accept = function(each) return #each >= 4 and string.unpack(">I4", each) == id end,
    })
  else
    local reader, socket = bounded.connect(host, port, { protocol = "tcp", limit = MOST + 4096,
      seconds = 8 })
    if not reader then
      return nil, socket
    end
    local status
    status, why = socket:send(string.pack(">I4", #message | 0x80000000) .. message)
    if status then
      data, why = read_record(reader)
    end
    socket:close()
  end
  if not data then
    return nil, why
  end
  return reply_body(id, data)
end

--- What the port mapper knows (RFC 1833): a list of {program, version, protocol, port}; or nil and
-- why.
function M.dump(host, port)
  local data, why = M.call(host, port, { program = M.PORTMAPPER, version = 2, procedure = 4 })
  if not data then
    return nil, why
  end
  local list = {}
  local ok
  ok, why = bytereader.parse(data, function(r)
    while r:u32() == 1 and #list < 1000 do
      local program, version, protocol, number = r:u32(), r:u32(), r:u32(), r:u32()
      list[#list + 1] = { program = program, version = version, port = number,
        protocol = protocol == 6 and "tcp" or protocol == 17 and "udp" or tostring(protocol) }
    end
  end)
  if not ok then
    return nil, why
  end
  return list
end

return M
