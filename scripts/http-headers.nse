local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"
local table = require "table"

description = [[
Shows the header of the response to a HEAD request, or to GET where that is no success.
]]

---
-- @usage
-- --script http-headers [--script-args http-headers.path=/,http-headers.useget]
-- @output
-- 80/tcp open  http
-- | http-headers:
-- |   Server: nginx/1.22.1
-- |   Content-Type: text/html
-- |
-- |_  (Request type: HEAD)

author = "trawl contributors"
license = "Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.http

action = function(host, port)
  local path, use_get = stdnse.get_script_args("http-headers.path", "http-headers.useget")
  local kind = use_get and "GET" or "HEAD"
  local response = http.generic_request(host, port, kind, path or "/")
  if kind == "HEAD" and response.status ~= 200 then
    kind = "GET"
    response = http.generic_request(host, port, kind, path or "/")
  end
  if not response.status then
    return nil
  end
  local lines = {}
  for _, line in ipairs(response.rawheader) do
    if line ~= "" then
      lines[#lines + 1] = "  " .. line
    end
  end
  lines[#lines + 1] = "  "
  lines[#lines + 1] = "  (Request type: " .. kind .. ")"
  return "\n" .. table.concat(lines, "\n") .. "\n"
end
