--- Dates and times.
-- @copyright trawl contributors, Apache-2.0

local math = require "math"
local os = require "os"
local string = require "string"

local M = {}

--- Seconds that the local time is east of UTC.
function M.utc_offset()
  local now = os.time()
  local universal = os.date("!*t", now)
  universal.isdst = os.date("*t", now).isdst
  return now - os.time(universal)
end

--- Seconds since 1970 of a date of the Gregorian calendar.
-- @param date a table as of os.date
-- @param offset seconds that its clock is east of UTC; nil for the local time
function M.date_to_timestamp(date, offset)
  local year, month = date.year, date.month
  if month <= 2 then
    year, month = year - 1, month + 12
  end
  local days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 +
    date.day - 719469
  return days * 86400 + (date.hour or 0) * 3600 + (date.min or 0) * 60 + (date.sec or 0) -
    (offset or M.utc_offset())
end

-- Seconds east of UTC, as +hh:mm.
local function format_offset(offset)
  local sign = offset < 0 and "-" or "+"
  offset = math.floor(math.abs(offset))
  return string.format("%s%02d:%02d", sign, offset // 3600, offset % 3600 // 60)
end

--- ISO 8601 of a table as of os.date or of seconds since 1970.
-- @param offset seconds east of UTC, or nil for none to be told
function M.format_timestamp(when, offset)
  local text
  if type(when) == "table" then
    text = string.format("%04d-%02d-%02dT%02d:%02d:%02d", when.year, when.month, when.day,
      when.hour or 0, when.min or 0, when.sec or 0)
  else
    local ok, told = pcall(os.date, "!%Y-%m-%dT%H:%M:%S", math.floor(when + (offset or 0)))
    if not ok then
      return tostring(when)
    end
    text = told
  end
  return offset and text .. format_offset(offset) or text
end

--- A span as days, hours, minutes and seconds: "1d02h03m04s", without what is zero in front.
-- @param unit parts of a second in which the span is
function M.format_time(span, unit)
  local seconds = math.floor(math.abs(span) / (unit or 1))
  local parts = { { seconds // 86400, "d" }, { seconds % 86400 // 3600, "h" },
    { seconds % 3600 // 60, "m" }, { seconds % 60, "s" } }
  local text = ""
  for i, part in ipairs(parts) do
    if text ~= "" then
      text = text .. string.format("%02d%s", part[1], part[2])
    elseif part[1] > 0 or i == #parts then
      text = string.format("%d%s", part[1], part[2])
    end
  end
  return text
end

return M
