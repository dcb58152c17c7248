local http = require "http"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Shows the title of a web server's first page. Redirects to the same server are followed.
]]

---
-- @usage
-- --script http-title [--script-args http-title.url=/path]
-- @output
-- 80/tcp open  http
-- |_http-title: Welcome

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.http

local LONGEST = 64  -- Characters; more with -v.

-- The text of the first title element, in one line.
local function title_of(body)
  local title = string.match(body, "<[Tt][Ii][Tt][Ll][Ee][^>]*>([^<]*)</[Tt][Ii][Tt][Ll][Ee]")
  if not title then
    return nil
  end
  return (string.gsub(title, "[\r\n\t]", ""))
end

action = function(host, port)
  local path = stdnse.get_script_args("http-title.url") or "/"
  local response = http.get(host, port, path)
  if not response.status then
    return nil
  end
  local output = stdnse.output_table()
  local location = response.header.location
  if response.status >= 300 and response.status < 400 and location then
    output.redirect_url = location
    return output, "Did not follow redirect to " .. location
  end
  if not response.body then
    return nil
  end
  local title = title_of(response.body)
  local text
  if title and title ~= "" then
    output.title = title
    text = title
    if #text > LONGEST and nmap.verbosity() == 0 then
      text = string.sub(text, 1, LONGEST) .. "..."
    end
  else
    local kind = response.header["content-type"]
    text = "Site doesn't have a title" .. (kind and " (" .. kind .. ")." or ".")
    output = nil
  end
  if response.location then
    local last = response.location[#response.location]
    text = text .. "\nRequested resource was " .. last
    if output then
      output.redirect_url = last
    end
  end
  if output then
    return output, text
  end
  return text
end
