--- ASN.1 in Basic Encoding Rules (X.690), as SNMP and LDAP use it.
-- @copyright trawl contributors, Apache-2.0

local bytereader = require "bytereader"
local string = require "string"
local table = require "table"

local M = {}

local DEEPEST = 16
local MOST = 4096  -- Elements in one message.

--- The length octets for a content of so many bytes.
local function length_of(count)
  if count < 0x80 then
    return string.char(count)
  end
  local bytes = string.gsub(string.pack(">I4", count), "^\0+", "")
  return string.char(0x80 | #bytes) .. bytes
end

--- One element.
-- @param tag the identifier octet, such as 0x30 for a SEQUENCE
-- @param ... the parts of its content
function M.encode(tag, ...)
  local content = table.concat({ ... })
  return string.char(tag) .. length_of(#content) .. content
end

--- An INTEGER.
function M.integer(value)
  local bytes = string.pack(">i8", value)
  -- As few as keep the sign.
  while #bytes > 1 and (string.find(bytes, "^\0[\0-\x7f]") or
      string.find(bytes, "^\xff[\x80-\xff]")) do
    bytes = string.sub(bytes, 2)
  end
  return M.encode(0x02, bytes)
end

--- An OBJECT IDENTIFIER from "1.3.6".
function M.oid(dotted)
  local numbers, parts = {}, {}
  for number in string.gmatch(dotted, "%d+") do
    numbers[#numbers + 1] = math.tointeger(tonumber(number))
  end
  for i = 2, #numbers do
    local value = i == 2 and numbers[1] * 40 + numbers[2] or numbers[i]
    local bytes = string.char(value & 0x7f)
    value = value >> 7
    while value > 0 do
      bytes = string.char(0x80 | value & 0x7f) .. bytes
      value = value >> 7
    end
    parts[#parts + 1] = bytes
  end
  return M.encode(0x06, table.concat(parts))
end

local function decode_integer(content)
  if #content == 0 or #content > 8 then
    return nil
  end
  return (string.unpack(">i" .. #content, content))
end

local function decode_oid(content)
  local numbers, value = {}, 0
  for i = 1, #content do
    local byte = string.byte(content, i)
    value = (value << 7 | byte & 0x7f) & 0xffffffff
    if byte & 0x80 == 0 then
      if #numbers == 0 then
        local first = value < 80 and value // 40 or 2
        numbers = { first, value - first * 40 }
      else
        numbers[#numbers + 1] = value
      end
      value = 0
    end
  end
  return table.concat(numbers, ".")
end

local read_element

local function read_children(content, depth, budget)
  local list, r = {}, bytereader.new(content)
  while r:left() > 0 do
    list[#list + 1] = read_element(r, depth, budget)
  end
  return list
end

function read_element(r, depth, budget)
  budget.left = budget.left - 1
  if depth > DEEPEST or budget.left < 0 then
    bytereader.fail("too many or too deep elements")
  end
  local element = { tag = r:u8() }
  local length = r:u8()
  if length == 0x80 or length > 0x84 then
    bytereader.fail("a length of unknown form")
  elseif length > 0x80 then
    length = string.unpack(">I" .. length - 0x80, r:bytes(length - 0x80))
  end
  local content = r:bytes(length)
  element.content = content
  if element.tag & 0x20 ~= 0 then
    element.children = read_children(content, depth + 1, budget)
  elseif element.tag == 0x06 then
    element.value = decode_oid(content)
  elseif element.tag == 0x02 or element.tag == 0x0a then
    element.value = decode_integer(content)
  elseif element.tag == 0x04 then
    element.value = content
  end
  return element
end

--- The first element of a text: tag, content, children when it is constructed, value of an INTEGER,
-- ENUMERATED, OCTET STRING or OBJECT IDENTIFIER.
-- @return the element and how many bytes it took; or nil and why
function M.decode(data)
  local ok, element, size = bytereader.parse(data, function(r)
    local element = read_element(r, 0, { left = MOST })
    return element, r.at - 1
  end)
  if not ok then
    return nil, element
  end
  return element, size
end

return M
