--- JSON (RFC 8259).
-- @copyright trawl contributors, Apache-2.0

local math = require "math"
local string = require "string"
local table = require "table"

local M = {}

local DEEPEST = 64  -- Levels of arrays and objects.

--- Stands for null.
M.NULL = setmetatable({}, { __tostring = function() return "null" end })

local ARRAY, OBJECT = { type = "array" }, { type = "object" }

--- Marks a table to be written as an array, even when it is empty.
function M.make_array(value)
  return setmetatable(value, ARRAY)
end

--- Marks a table to be written as an object, even when it is empty.
function M.make_object(value)
  return setmetatable(value, OBJECT)
end

--- "array", "object", "null" or Lua's type.
function M.typeof(value)
  if value == M.NULL then
    return "null"
  elseif type(value) ~= "table" then
    return type(value)
  end
  local mark = getmetatable(value)
  if mark == ARRAY or mark == OBJECT then
    return mark.type
  end
  return (#value > 0 or next(value) == nil) and "array" or "object"
end

local parse_value

local function fail(at, what)
  error({ string.format("%s at byte %d", what, at) }, 0)
end

local function skip_space(text, at)
  return string.find(text, "[^ \t\r\n]", at) or #text + 1
end

local ESCAPES = { ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r",
  t = "\t" }

-- A \uXXXX at `at`, with the second half of a pair; its UTF-8 and where it ends.
local function parse_unicode(text, at)
  local unit = tonumber(string.match(text, "^\\u(%x%x%x%x)", at) or "", 16)
  if not unit then
    fail(at, "bad escape")
  end
  if unit >= 0xd800 and unit < 0xdc00 then
    local low = tonumber(string.match(text, "^\\u(%x%x%x%x)", at + 6) or "", 16)
    if low and low >= 0xdc00 and low < 0xe000 then
      return utf8.char(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)), at + 12
    end
    unit = 0xfffd
  elseif unit >= 0xdc00 and unit < 0xe000 then
    unit = 0xfffd
  end
  return utf8.char(unit), at + 6
end

local function parse_string(text, at)
  local parts, from = {}, at + 1
  while true do
    local stop = string.find(text, '["\\%c]', from)
    if not stop then
      fail(at, "string without end")
    end
    parts[#parts + 1] = string.sub(text, from, stop - 1)
    local c = string.sub(text, stop, stop)
    if c == '"' then
      return table.concat(parts), stop + 1
    elseif c ~= "\\" then
      fail(stop, "control character in a string")
    end
    local escape = string.sub(text, stop + 1, stop + 1)
    if escape == "u" then
      parts[#parts + 1], from = parse_unicode(text, stop)
    elseif ESCAPES[escape] then
      parts[#parts + 1], from = ESCAPES[escape], stop + 2
    else
      fail(stop, "bad escape")
    end
  end
end

local function parse_number(text, at)
  local whole, last = string.match(text, "^(-?%d+%.?%d*[eE]?[+-]?%d*)()", at)
  if not whole or string.find(whole, "^-?0%d") or string.find(whole, "%.$") or
      string.find(whole, "%.[eE]") then
    fail(at, "bad number")
  end
  local number = tonumber(whole)
  if not number then
    fail(at, "bad number")
  end
  return number, last
end

local function parse_array(text, at, depth)
  local list = M.make_array {}
  at = skip_space(text, at + 1)
  if string.sub(text, at, at) == "]" then
    return list, at + 1
  end
  while true do
    list[#list + 1], at = parse_value(text, at, depth)
    at = skip_space(text, at)
    local c = string.sub(text, at, at)
    if c == "]" then
      return list, at + 1
    elseif c ~= "," then
      fail(at, "expected ',' or ']'")
    end
    at = at + 1
  end
end

local function parse_object(text, at, depth)
  local object = M.make_object {}
  at = skip_space(text, at + 1)
  if string.sub(text, at, at) == "}" then
    return object, at + 1
  end
  while true do
    at = skip_space(text, at)
    if string.sub(text, at, at) ~= '"' then
      fail(at, "expected a name")
    end
    local name
    name, at = parse_string(text, at)
    at = skip_space(text, at)
    if string.sub(text, at, at) ~= ":" then
      fail(at, "expected ':'")
    end
    object[name], at = parse_value(text, at + 1, depth)
    at = skip_space(text, at)
    local c = string.sub(text, at, at)
    if c == "}" then
      return object, at + 1
    elseif c ~= "," then
      fail(at, "expected ',' or '}'")
    end
    at = at + 1
  end
end

local WORDS = { { "true", true }, { "false", false }, { "null", M.NULL } }

function parse_value(text, at, depth)
  at = skip_space(text, at)
  if depth > DEEPEST then
    fail(at, "nested too deeply")
  end
  local c = string.sub(text, at, at)
  if c == '"' then
    return parse_string(text, at)
  elseif c == "{" then
    return parse_object(text, at, depth + 1)
  elseif c == "[" then
    return parse_array(text, at, depth + 1)
  end
  for _, word in ipairs(WORDS) do
    if string.sub(text, at, at + #word[1] - 1) == word[1] then
      return word[2], at + #word[1]
    end
  end
  return parse_number(text, at)
end

--- Reads a text that is one JSON value.
-- @return true and the value; or false and what is wrong
function M.parse(text)
  local ok, value, at = pcall(parse_value, text, 1, 0)
  if ok then
    at = skip_space(text, at)
    if at <= #text then
      return false, string.format("more text at byte %d", at)
    end
    return true, value
  elseif type(value) == "table" then
    return false, value[1]
  end
  error(value, 0)
end

local function quote(text)
  return '"' .. string.gsub(text, '[%c"\\\x7f]', function(c)
    if c == '"' or c == "\\" then
      return "\\" .. c
    end
    return string.format("\\u%04x", string.byte(c))
  end) .. '"'
end

local function generate(value, depth)
  local kind = M.typeof(value)
  if depth > DEEPEST then
    error("the value is nested too deeply, or in itself", 0)
  elseif kind == "array" then
    local parts = {}
    for i, each in ipairs(value) do
      parts[i] = generate(each, depth + 1)
    end
    return "[" .. table.concat(parts, ", ") .. "]"
  elseif kind == "object" then
    local parts = {}
    for k, v in pairs(value) do
      parts[#parts + 1] = quote(tostring(k)) .. ": " .. generate(v, depth + 1)
    end
    table.sort(parts)
    return "{" .. table.concat(parts, ", ") .. "}"
  elseif kind == "string" then
    return quote(value)
  elseif kind == "number" then
    if value ~= value or value == math.huge or value == -math.huge then
      error("JSON has no such number", 0)
    end
    return tostring(value)
  elseif kind == "null" or kind == "nil" then
    return "null"
  elseif kind == "boolean" then
    return tostring(value)
  end
  error("JSON has no " .. kind, 0)
end

--- Writes a value as JSON. Names of objects are in order.
function M.generate(value)
  return generate(value, 0)
end

return M
