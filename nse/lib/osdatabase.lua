--- Names the system of a fingerprint by a file in the form of nmap-os-db (Nmap book,
-- "Understanding an Nmap Fingerprint").
-- @copyright trawl contributors, Apache-2.0

local nmap = require "nmap"
local string = require "string"

local M = {}

local MOST_LINES = 400000

-- Whether a value of a test is within an expression: alternatives of values, ranges in hexadecimal
-- and comparisons.
local function fits(value, expression)
  if expression == value then
    return true
  end
  local number = tonumber(value, 16)
  for each in string.gmatch(expression .. "|", "([^|]*)|") do
    if each == value then
      return true
    elseif number then
      local low, high = string.match(each, "^(%x+)%-(%x+)$")
      local sign, bound = string.match(each, "^([<>])(%x+)$")
      if low and number >= tonumber(low, 16) and number <= tonumber(high, 16) or
          sign == ">" and number > tonumber(bound, 16) or
          sign == "<" and number < tonumber(bound, 16) then
        return true
      end
    end
  end
  return false
end

local function parse_tests(text)
  local tests = {}
  for key, value in string.gmatch(text, "([%w]+)=([^%%)]*)") do
    tests[key] = value
  end
  return tests
end

-- Adds what a line of an entry is worth: points had and points that could be had.
local function score_line(points, ours, text)
  local had, possible = 0, 0
  for key, expression in string.gmatch(text, "(%w+)=([^%%)]*)") do
    local worth = tonumber(points[key])
    local value = ours[key]
    if worth and value then
      possible = possible + worth
      if fits(value, expression) then
        had = had + worth
      end
    end
  end
  return had, possible
end

--- Goes through the entries of the data files and returns the best.
-- @param lines as of osprobes.fingerprint()
-- @return a list of {name, accuracy} of those that are as good as the best, at most five
function M.match(lines)
  local path = nmap.fetchfile("nmap-os-db") or nmap.fetchfile("os-db")
  local file = path and io.open(path, "r")
  if not file then
    return {}
  end
  local points, best, list = {}, 0, {}
  local name, had, possible, count = nil, 0, 0, 0
  local function finish()
    if name and possible > 0 then
      local accuracy = had / possible
      if accuracy > best then
        best, list = accuracy, {}
      end
      if accuracy == best and #list < 5 and accuracy > 0 then
        list[#list + 1] = { name = name, accuracy = accuracy }
      end
    end
    name, had, possible = nil, 0, 0
  end
  local in_points = false
  for line in file:lines() do
    count = count + 1
    if count > MOST_LINES then
      break
    end
    local first = string.byte(line)
    if first == 0x4d and string.find(line, "^MatchPoints") then
      in_points = true
    elseif first == 0x46 and string.find(line, "^Fingerprint ") then
      finish()
      in_points, name = false, string.sub(line, 13)
    elseif first then
      local key, text = string.match(line, "^(%w+)(%(.*)$")
      if key and in_points then
        points[key] = parse_tests(text)
      elseif key and name and lines[key] and points[key] then
        local more, most = score_line(points[key], lines[key], text)
        had, possible = had + more, possible + most
      end
    end
  end
  finish()
  file:close()
  return list
end

return M
