local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Shows how a web server wants users to authenticate (RFC 9110 section 11.6.1) when it answers 401.
]]

---
-- @usage
-- --script http-auth [--script-args http-auth.path=/login]
-- @output
-- 80/tcp open  http
-- | http-auth:
-- | HTTP/1.1 401 Unauthorized\x0D
-- |_  Basic realm=Restricted

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "auth", "safe" }

portrule = shortport.http

action = function(host, port)
  local path = stdnse.get_script_args("http-auth.path") or "/"
  local response = http.get(host, port, path, { redirect_ok = false })
  if response.status ~= 401 then
    return nil
  end
  local result = { name = (string.gsub(response["status-line"], "\n$", "")) }
  local field = response.header["www-authenticate"]
  local challenges = field and http.parse_www_authenticate(field)
  if not challenges then
    result[1] = field and "Server returned an unparseable WWW-Authenticate header" or
      "Server returned status 401 but no WWW-Authenticate header."
    return stdnse.format_output(true, result)
  end
  for _, challenge in ipairs(challenges) do
    local parts = { (string.gsub(challenge.scheme, "^%l", string.upper)) }
    local names = {}
    for name in pairs(challenge.params) do
      names[#names + 1] = tostring(name)
    end
    table.sort(names)
    for _, name in ipairs(names) do
      parts[#parts + 1] = name .. "=" .. tostring(challenge.params[name] or challenge.params[1])
    end
    result[#result + 1] = table.concat(parts, " ")
  end
  return stdnse.format_output(true, result)
end
