local datetime = require "datetime"
local http = require "http"
local os = require "os"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Compares the clock of a web server, as its Date field tells it, with ours.
]]

---
-- @usage
-- --script http-date
-- @output
-- 80/tcp open  http
-- |_http-date: Thu, 02 Aug 2012 22:11:03 GMT; 0s from local time.

author = "trawl contributors"
license = "Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.http

local MONTHS = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9,
  Oct = 10, Nov = 11, Dec = 12 }

-- Seconds since 1970 of the form that RFC 9110 section 5.6.7 prefers.
local function parse_date(text)
  local day, month, year, hour, minute, second = string.match(text,
    "^%a+, (%d+) (%a+) (%d%d%d%d) (%d%d):(%d%d):(%d%d) GMT$")
  if not day or not MONTHS[month] then
    return nil
  end
  return datetime.date_to_timestamp({ year = tonumber(year), month = MONTHS[month],
    day = tonumber(day), hour = tonumber(hour), min = tonumber(minute), sec = tonumber(second) }, 0)
end

-- A difference as "-1d02h03m04s", without what is zero in front.
local function span(seconds)
  local sign = seconds < 0 and "-" or seconds > 0 and "+" or ""
  local left = math.abs(seconds)
  local parts = { { left // 86400, "d" }, { left % 86400 // 3600, "h" }, { left % 3600 // 60, "m" },
    { left % 60, "s" } }
  local text = ""
  for i, part in ipairs(parts) do
    if text ~= "" then
      text = text .. string.format("%02d%s", math.floor(part[1]), part[2])
    elseif part[1] > 0 or i == #parts then
      text = string.format("%d%s", math.floor(part[1]), part[2])
    end
  end
  return sign .. text
end

action = function(host, port)
  local before = os.time()
  local response = http.get(host, port, "/", { redirect_ok = false })
  local date = response.status and response.header.date
  local theirs = date and parse_date(date)
  if not theirs then
    return nil
  end
  local output = stdnse.output_table()
  output.date = datetime.format_timestamp(theirs, 0)
  output.delta = theirs - before
  return output, string.format("%s; %s from local time.", date, span(theirs - before))
end
