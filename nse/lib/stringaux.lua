--- Helpers for strings.
-- @copyright trawl contributors, Apache-2.0

local string = require "string"
local table = require "table"

local M = {}

--- Joins the strings of a list.
M.strjoin = function(delimiter, list)
  return table.concat(list, delimiter)
end

--- Splits at each match of a pattern.
-- @return a list; <code>strsplit(",", "a,,b")</code> is <code>{"a", "", "b"}</code>
function M.strsplit(pattern, text)
  local list, from = {}, 1
  if pattern == "" then
    error("delimiter matches the empty string", 2)
  end
  while true do
    local first, last = string.find(text, pattern, from)
    if first == nil then
      break
    end
    if last < first then
      error("delimiter matches the empty string", 2)
    end
    list[#list + 1] = string.sub(text, from, first - 1)
    from = last + 1
  end
  list[#list + 1] = string.sub(text, from)
  return list
end

--- The text as a part of a file name: other characters than letters, digits, '.', '-' and '_'
-- become %XX.
function M.filename_escape(text)
  if text == "." or text == ".." then
    return (string.gsub(text, "%.", "%%2e"))
  end
  return (string.gsub(text, "[^%w.%-_]", function(c)
    return string.format("%%%02x", string.byte(c))
  end))
end

--- A pattern that matches <code>pattern</code> in any case.
function M.ipattern(pattern)
  local in_set = false
  return (string.gsub(pattern, "(%%?)(.)", function(escape, c)
    if escape ~= "" then
      return nil
    end
    if c == "[" then
      in_set = true
    elseif c == "]" then
      in_set = false
    elseif string.find(c, "%a") then
      local both = string.lower(c) .. string.upper(c)
      return in_set and both or "[" .. both .. "]"
    end
    return nil
  end))
end

--- The text with bytes outside printable ASCII as \xHH, at most <code>limit</code> bytes of it.
function M.printable(text, limit)
  if limit and #text > limit then
    text = string.sub(text, 1, limit)
  end
  return (string.gsub(text, "[^\x20-\x7e]", function(c)
    return string.format("\\x%02X", string.byte(c))
  end))
end

return M
