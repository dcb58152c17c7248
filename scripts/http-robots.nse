local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Lists what a web server's robots.txt (RFC 9309) asks crawlers to leave alone.
]]

---
-- @usage
-- --script http-robots
-- @output
-- 80/tcp open  http
-- | http-robots: 2 disallowed entries
-- |_  /admin/ /private/

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.http

local MOST_BYTES = 512 * 1024  -- RFC 9309 section 2.5 asks for at least 500 KiB.
local MOST = 500               -- Paths in the output.

action = function(host, port)
  local response = http.get(host, port, "/robots.txt", { max_body_size = MOST_BYTES,
    truncated_ok = true })
  if response.status ~= 200 or not response.body then
    return nil
  end
  local output, known = stdnse.output_table(), {}
  local paths, sitemaps = {}, {}
  for line in string.gmatch(response.body, "[^\r\n]+") do
    local name, value = string.match(line, "^%s*([%a-]+)%s*:%s*([^#]-)%s*$")
    if not name then
      name, value = string.match(line, "^%s*([%a-]+)%s*:%s*([^#]-)%s*#")
    end
    name = string.lower(name or "")
    local list = name == "disallow" and paths or name == "sitemap" and sitemaps
    if list and value ~= "" and not known[name .. value] and #list < MOST then
      known[name .. value] = true
      list[#list + 1] = value
    end
  end
  if #paths == 0 and #sitemaps == 0 then
    return nil
  end
  output.disallow = #paths > 0 and paths or nil
  output.sitemaps = #sitemaps > 0 and sitemaps or nil
  local text = string.format("%d disallowed entr%s", #paths, #paths == 1 and "y" or "ies")
  if #paths > 0 then
    text = text .. "\n  " .. table.concat(paths, " ")
  end
  if #sitemaps > 0 then
    text = text .. "\n  Sitemaps: " .. table.concat(sitemaps, " ")
  end
  return output, text
end
