--- Messages of DNS (RFC 1035), and a question to one server.
-- @copyright trawl contributors, Apache-2.0

local bounded = require "bounded"
local bytereader = require "bytereader"
local math = require "math"
local string = require "string"
local table = require "table"

local M = {}

--- Numbers of the record types.
M.types = { A = 1, NS = 2, CNAME = 5, SOA = 6, PTR = 12, HINFO = 13, MX = 15, TXT = 16, AAAA = 28,
  SRV = 33, OPT = 41, NSEC = 47, ANY = 255 }
--- Numbers of the classes.
M.CLASS = { IN = 1, CH = 3, ANY = 255 }

local TYPE_NAMES = {}
for name, number in pairs(M.types) do
  TYPE_NAMES[number] = name
end

local MOST_JUMPS = 32     -- Pointers in one name.
local MOST_RECORDS = 512  -- In one section.
local LONGEST_NAME = 255

--- A name as it stands in a message, or nil when it is none.
function M.encode_name(name)
  local parts, total = {}, 1
  for label in string.gmatch(string.gsub(name, "%.$", ""), "[^.]+") do
    total = total + 1 + #label
    if #label > 63 or total > LONGEST_NAME then
      return nil
    end
    parts[#parts + 1] = string.char(#label) .. label
  end
  return table.concat(parts) .. "\0"
end

--- A name at byte <code>at</code> of a message, for use inside <code>bytereader.parse</code>.
-- A pointer has to point back, so that no chain of them can loop.
-- @return the name and where it ends
function M.decode_name(message, at)
  local labels, total, stop, jumps = {}, 0, nil, 0
  while true do
    local length = string.byte(message, at)
    if not length then
      bytereader.fail("a name ends early")
    elseif length >= 0xc0 then
      local low = string.byte(message, at + 1)
      local target = low and ((length & 0x3f) << 8 | low) + 1
      jumps = jumps + 1
      if not target or target >= at or jumps > MOST_JUMPS then
        bytereader.fail("a name points nowhere")
      end
      stop = stop or at + 2
      at = target
    elseif length >= 0x40 then
      bytereader.fail("a name has a label of unknown kind")
    elseif length == 0 then
      return table.concat(labels, "."), stop or at + 1
    else
      local label = string.sub(message, at + 1, at + length)
      total = total + length + 1
      if #label < length or total > LONGEST_NAME then
        bytereader.fail("a name is too long")
      end
      labels[#labels + 1] = label
      at = at + length + 1
    end
  end
end

local function dotted(address)
  return table.concat({ string.byte(address, 1, 4) }, ".")
end

-- RFC 5952 without the search for the longest run of zeros being more than one pass.
local function colons(address)
  local groups, best, length = { string.unpack(">I2I2I2I2I2I2I2I2", address) }, 0, 1
  groups[9] = nil
  local i = 1
  while i <= 8 do
    local j = i
    while j <= 8 and groups[j] == 0 do
      j = j + 1
    end
    if j - i > length then
      best, length = i, j - i
    end
    i = math.max(j, i + 1)
  end
  local function text(from, to)
    local parts = {}
    for k = from, to do
      parts[#parts + 1] = string.format("%x", groups[k])
    end
    return table.concat(parts, ":")
  end
  if best == 0 then
    return text(1, 8)
  end
  return text(1, best - 1) .. "::" .. text(best + length, 8)
end

-- Each sets fields of a record from its data, which begins at byte `at` of the message.
local DECODERS = {
  A = function(record, data) record.ip = #data == 4 and dotted(data) or nil end,
  AAAA = function(record, data) record.ipv6 = #data == 16 and colons(data) or nil end,
  TXT = function(record, data)
    record.TXT = { text = {} }
    bytereader.parse(data, function(r)
      while r:left() > 0 do
        table.insert(record.TXT.text, r:counted(1))
      end
    end)
  end,
  SRV = function(record, data, message, at)
    local priority, weight, port = string.unpack(">I2I2I2", data .. "\0\0\0\0\0\0")
    record.SRV = { prio = priority, weight = weight, port = port,
      target = M.decode_name(message, at + 6) }
  end,
  MX = function(record, data, message, at)
    local preference = string.unpack(">I2", data .. "\0\0")
    record.MX = { pref = preference, server = M.decode_name(message, at + 2) }
  end,
  SOA = function(record, _, message, at)
    local first, second
    first, at = M.decode_name(message, at)
    second = M.decode_name(message, at)
    record.SOA = { mname = first, rname = second }
    record.domain = first
  end,
}
for _, kind in ipairs { "NS", "CNAME", "PTR" } do
  DECODERS[kind] = function(record, _, message, at)
    record.domain = M.decode_name(message, at)
  end
end

local function read_record(r, message)
  local record = {}
  record.dname, r.at = M.decode_name(message, r.at)
  record.dtype, record.class, record.ttl = r:u16(), r:u16(), r:u32()
  local length = r:u16()
  local at = r.at
  record.data = r:bytes(length)
  local kind = TYPE_NAMES[record.dtype]
  if DECODERS[kind] then
    DECODERS[kind](record, record.data, message, at)
  end
  return record
end

local function read_section(r, message, count)
  local list = {}
  for _ = 1, math.min(count, MOST_RECORDS) do
    list[#list + 1] = read_record(r, message)
  end
  return list
end

--- A message as a table: <code>id</code>, <code>flags</code>, <code>questions</code>,
-- <code>answers</code>, <code>auth</code>, <code>add</code>; or nil and why.
function M.decode(message)
  local ok, packet = bytereader.parse(message, function(r)
    local decoded = { id = r:u16(), questions = {} }
    local bits = r:u16()
    local function bit(n) return bits >> n & 1 == 1 end
    decoded.flags = { QR = bit(15), OC1 = bit(14), OC2 = bit(13), OC3 = bit(12), OC4 = bit(11),
      AA = bit(10), TC = bit(9), RD = bit(8), RA = bit(7), rcode = bits & 15,
      opcode = bits >> 11 & 15 }
    local counts = { r:u16(), r:u16(), r:u16(), r:u16() }
    for _ = 1, math.min(counts[1], 16) do
      local question = {}
      question.dname, r.at = M.decode_name(message, r.at)
      question.dtype, question.class = r:u16(), r:u16()
      table.insert(decoded.questions, question)
    end
    decoded.answers = read_section(r, message, counts[2])
    decoded.auth = read_section(r, message, counts[3])
    decoded.add = read_section(r, message, counts[4])
    return decoded
  end)
  if not ok then
    return nil, packet
  end
  return packet
end

--- A question as a message.
-- @param options <code>dtype</code> (name or number), <code>class</code>, <code>norecurse</code>,
--   <code>id</code>, <code>nsid</code> (asks for RFC 5001's identifier)
function M.build_query(name, options)
  options = options or {}
  local kind = options.dtype or "A"
  local encoded = M.encode_name(name)
  if not encoded then
    return nil, "'" .. name .. "' is no name"
  end
  local extra = ""
  if options.nsid then
    extra = "\0" .. string.pack(">I2I2I4I2I2I2", M.types.OPT, 4096, 0, 4, 3, 0)
  end
  return string.pack(">I2I2I2I2I2I2", options.id or 0, options.norecurse and 0 or 0x0100, 1, 0, 0,
    extra ~= "" and 1 or 0) .. encoded ..
    string.pack(">I2I2", M.types[kind] or kind, options.class or M.CLASS.IN) .. extra
end

-- A server takes a message after its length on TCP (section 4.2.2).
local function ask_tcp(server, port, message, seconds)
  local reader, socket = bounded.connect(server, port, { protocol = "tcp", seconds = seconds,
    limit = 65540 })
  if not reader then
    return nil, socket
  end
  local status, why = socket:send(string.pack(">s2", message))
  local length, data
  if status then
    length, why = reader:bytes(2)
  end
  if length then
    data, why = reader:bytes((string.unpack(">I2", length)))
  end
  socket:close()
  return data, why
end

--- Sends a question and returns the whole answer, decoded.
-- @param options as of build_query(), and <code>host</code> (server), <code>port</code>,
--   <code>proto</code>, <code>sendCount</code>, <code>timeout</code> in ms
-- @return the message as of decode(), its bytes; or nil and why
function M.ask(name, options)
  options.id = options.id or math.random(0, 65535)
  local message, why = M.build_query(name, options)
  if not message then
    return nil, why
  end
  local server = type(options.host) == "table" and options.host.ip or options.host
  local seconds = (options.timeout or 3000) / 1000
  local data
  if options.proto == "tcp" then
    data, why = ask_tcp(server, options.port or 53, message, seconds)
  else
    data, why = bounded.ask_udp(server, options.port or 53, message, {
      tries = options.sendCount or 2,
      seconds = seconds,
      accept = function(each)
        return #each >= 12 and string.unpack(">I2", each) == options.id and
          string.byte(each, 3) & 0x80 ~= 0
      end,
    })
  end
  if not data then
    return nil, why
  end
  local decoded
  decoded, why = M.decode(data)
  return decoded, decoded and data or why
end

return M
