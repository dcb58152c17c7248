local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Tells the methods that a web server says it supports, in answer to OPTIONS.
]]

---
-- @usage
-- --script http-methods [--script-args http-methods.url-path=/path]
-- @output
-- 80/tcp open  http
-- | http-methods:
-- |   Supported Methods: GET HEAD POST OPTIONS TRACE
-- |_  Potentially risky methods: TRACE

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "safe" }

portrule = shortport.http

local HARMLESS = { GET = true, HEAD = true, POST = true, OPTIONS = true }
local MOST = 64
-- What is asked for one by one of a server that does not answer OPTIONS.
local COMMON = { "GET", "HEAD", "POST", "OPTIONS" }
local REFUSALS = { [400] = true, [401] = true, [405] = true, [501] = true }

-- Adds the methods of a list in a header to `found`, each once.
local function add(found, known, text)
  for method in string.gmatch(text or "", "[^,%s]+") do
    if not known[method] and #found < MOST then
      known[method] = true
      found[#found + 1] = method
    end
  end
end

-- Printed as "A B C" and kept as a list.
local function in_a_line(list)
  return setmetatable(list, { __tostring = function(self) return table.concat(self, " ") end })
end

action = function(host, port)
  local path = stdnse.get_script_args("http-methods.url-path") or "/"
  local response = http.generic_request(host, port, "OPTIONS", path)
  if not response.status then
    return nil
  end
  local found, known = {}, {}
  add(found, known, response.header.allow)
  add(found, known, response.header.public)
  if #found == 0 then
    for _, method in ipairs(COMMON) do
      local answer = method == "OPTIONS" and response or
        http.generic_request(host, port, method, path)
      if answer.status and not REFUSALS[answer.status] then
        add(found, known, method)
      end
    end
  end
  if #found == 0 then
    return nil
  end
  local output = stdnse.output_table()
  output["Supported Methods"] = in_a_line(found)
  local risky = {}
  for _, method in ipairs(found) do
    if not HARMLESS[method] then
      risky[#risky + 1] = method
    end
  end
  if #risky > 0 then
    output["Potentially risky methods"] = in_a_line(risky)
  end
  return output
end
