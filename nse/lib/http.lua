--- Requests to web servers.
--
-- A response is a table: <code>status</code> (a number, nil when there was none),
-- <code>["status-line"]</code> (or why there was none), <code>header</code> (lower-case names),
-- <code>rawheader</code> (lines), <code>cookies</code>, <code>body</code>, <code>location</code>
-- (where it was redirected to), <code>ssl</code>.
-- @copyright trawl contributors, Apache-2.0

local base64 = require "base64"
local bounded = require "bounded"
local httpmessage = require "httpmessage"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local url = require "url"

local M = {}

local MOST_REDIRECTS = 5
local USER_AGENT = stdnse.get_script_args("http.useragent") or
  "Mozilla/5.0 (compatible; trawl script engine)"

local function as_port(port)
  if type(port) == "table" then
    return port
  end
  return { number = tonumber(port), protocol = "tcp", state = "open" }
end

-- The order in which to try with TLS and without.
local function schemes(host, port, options)
  if options.scheme then
    return { options.scheme == "https" and "ssl" or "tcp" }
  end
  local tunnel = port.version and port.version.service_tunnel
  if tunnel == "ssl" then
    return { "ssl" }
  elseif port.version and port.version.service_dtype == "probed" and tunnel == "none" then
    return { "tcp" }
  end
  local service = port.service or ""
  if service == "https" or shortport.ssl(host, port) then
    return { "ssl", "tcp" }
  end
  return { "tcp", "ssl" }
end

local function host_field(host, port, protocol, options)
  local name = type(host) == "table" and stdnse.get_hostname(host) or host
  name = options.any_af and name or name
  if string.find(name, ":", 1, true) then
    name = "[" .. name .. "]"
  end
  local usual = protocol == "ssl" and 443 or 80
  return port.number == usual and name or name .. ":" .. port.number
end

-- What would end a line or the request is taken out of what goes into one.
local function one_line(text)
  return (string.gsub(tostring(text), "[\r\n%z]", ""))
end

local function build_request(host, port, protocol, method, path, options)
  local fields, given = {}, {}
  local function add(name, value)
    if not given[string.lower(name)] then
      given[string.lower(name)] = true
      fields[#fields + 1] = one_line(name) .. ": " .. one_line(value)
    end
  end
  for name, value in pairs(options.header or {}) do
    if value ~= false then
      add(name, value)
    end
    given[string.lower(name)] = true
  end
  table.sort(fields)
  add("Host", host_field(host, port, protocol, options))
  add("User-Agent", USER_AGENT)
  add("Connection", "close")
  if options.auth and not options.auth.digest then
    add("Authorization", "Basic " ..
      base64.enc(options.auth.username .. ":" .. options.auth.password))
  end
  if options.cookies then
    local cookies = options.cookies
    if type(cookies) == "table" then
      local pairs_of = {}
      for _, cookie in ipairs(cookies) do
        pairs_of[#pairs_of + 1] = cookie.name .. "=" .. cookie.value
      end
      cookies = table.concat(pairs_of, "; ")
    end
    add("Cookie", cookies)
  end
  local content = options.content
  if type(content) == "table" then
    local parts = {}
    for name, value in pairs(content) do
      parts[#parts + 1] = url.escape(tostring(name)) .. "=" .. url.escape(tostring(value))
    end
    table.sort(parts)
    content = table.concat(parts, "&")
    add("Content-Type", "application/x-www-form-urlencoded")
  end
  if content then
    add("Content-Length", #content)
  end
  return string.format("%s %s HTTP/1.1\r\n%s\r\n\r\n", method,
    (string.gsub(one_line(path), " ", "%%20")), table.concat(fields, "\r\n")) .. (content or "")
end

local function failed(why)
  return {
    status = nil,
    ["status-line"] = tostring(why or "no response"),
    header = {},
    rawheader = {},
    cookies = {},
    body = nil,
  }
end

-- One connection with one request.
local function converse(host, port, protocol, method, path, options)
  local seconds = options.timeout and options.timeout / 1000 or 15
  local most = options.max_body_size or httpmessage.MOST_BODY
  local reader, socket = bounded.connect(host, port, {
    protocol = protocol,
    seconds = seconds,
    connect_seconds = math.min(seconds, 8),
    limit = most + 512 * 1024,
  })
  if not reader then
    return nil, socket
  end
  local status, why = socket:send(build_request(host, port, protocol, method, path, options))
  local response
  if status then
    response, why = httpmessage.read_response(reader, method, most)
  end
  socket:close()
  if response then
    response.ssl = protocol == "ssl"
  end
  return response, why
end

-- A plain request to a TLS port gets a 400 that says so.
local function wants_tls(response)
  return response.status == 400 and not response.ssl and
    string.find(response.body or "", "HTTPS port", 1, true) ~= nil
end

local function request_once(host, port, method, path, options)
  local response, why
  for _, protocol in ipairs(schemes(host, port, options)) do
    response, why = converse(host, port, protocol, method, path, options)
    if response and wants_tls(response) and options.scheme ~= "http" then
      response, why = converse(host, port, "ssl", method, path, options)
    end
    if response then
      return response
    end
  end
  return failed(why)
end

-- Whether a redirect leads to another server than the one that sent it.
local function leaves(host, port, target)
  if not target.host then
    return false
  end
  local names = { [string.lower(target.host)] = true }
  local same = type(host) == "table" and
    (names[host.ip] or names[string.lower(host.targetname or "")] or
    names[string.lower(host.name or "")]) or names[host]
  local number = target.port or (target.scheme == "https" and 443 or 80)
  return not same or number ~= port.number
end

-- Follows redirects to the same server, unless the options say otherwise.
local function follow(host, port, method, path, options, response)
  local visited, locations = {}, {}
  while response.status and response.status >= 300 and response.status < 400 and
      response.header.location and #locations < MOST_REDIRECTS do
    local location = string.sub(response.header.location, 1, 2048)
    local target = url.parse(location)
    if options.redirect_ok == false or visited[location] or leaves(host, port, target) then
      break
    end
    visited[location] = true
    local next_path = url.absolute(path, target.host and
      (target.path or "/") .. (target.query and "?" .. target.query or "") or location)
    next_path = string.gsub(next_path, "#.*$", "")
    if string.sub(next_path, 1, 1) ~= "/" then
      break
    end
    locations[#locations + 1] = location
    path = next_path
    response = request_once(host, port, method, path, options)
  end
  if #locations > 0 then
    response.location = locations
  end
  return response
end

--- Any request.
-- @param options <code>header</code>, <code>content</code> (text, or a table for a form),
--   <code>cookies</code>, <code>auth</code>, <code>timeout</code> in ms for all of it,
--   <code>max_body_size</code>, <code>scheme</code>
function M.generic_request(host, port, method, path, options)
  return request_once(host, as_port(port), method, path, options or {})
end

local function with_redirects(method)
  return function(host, port, path, options)
    options, port = options or {}, as_port(port)
    local response = request_once(host, port, method, path, options)
    return follow(host, port, method, path, options, response)
  end
end

--- GET; follows redirects to the same server unless <code>redirect_ok</code> is false.
M.get = with_redirects("GET")

--- HEAD; likewise.
M.head = with_redirects("HEAD")

--- GET of a whole URL.
function M.get_url(address, options)
  local parsed = url.parse(address)
  local port = parsed.port or (parsed.scheme == "https" and 443 or 80)
  options = options or {}
  options.scheme = parsed.scheme
  local path = (parsed.path or "/") .. (parsed.query and "?" .. parsed.query or "")
  return M.get(parsed.host, port, path, options)
end

--- POST of a text or of a form's fields.
function M.post(host, port, path, options, _, content)
  local all = {}
  for k, v in pairs(options or {}) do
    all[k] = v
  end
  all.content = content or all.content
  return request_once(host, as_port(port), "POST", path, all)
end

--- PUT of a text.
function M.put(host, port, path, options, content)
  local all = {}
  for k, v in pairs(options or {}) do
    all[k] = v
  end
  all.content = content
  return request_once(host, as_port(port), "PUT", path, all)
end

--- Whether a pattern is in a response's status line, header or body.
-- @return true and the captures, or false
function M.response_contains(response, pattern, case_sensitive)
  local function fold(text)
    return case_sensitive and text or string.lower(text)
  end
  pattern = fold(pattern)
  for _, text in ipairs { response["status-line"] or "",
      table.concat(response.rawheader or {}, "\n"), response.body or "" } do
    local found = { string.match(fold(text), pattern) }
    if #found > 0 then
      return true, found
    end
  end
  return false
end

--- The reason phrase of a status, by the response that has it.
function M.get_status_string(response)
  return string.match(response["status-line"] or "", "^HTTP/%S+ +%d+ +(.-)%s*$") or ""
end

-- One name=value of a challenge at `at`: name, value, where the next begins.
local function parse_parameter(text, at)
  local name, from = string.match(text, "^%s*([%w!#$%%&'*+.^_`|~-]+)%s*=%s*()", at)
  if not name then
    return nil
  end
  local stop
  local value = string.match(text, '^"()', from) and ""
  if value then
    local parts, i = {}, from + 1
    while i <= #text do
      local c = string.sub(text, i, i)
      if c == '"' then
        break
      elseif c == "\\" then
        i = i + 1
        c = string.sub(text, i, i)
      end
      parts[#parts + 1] = c
      i = i + 1
    end
    value, stop = table.concat(parts), i + 1
  else
    value, stop = string.match(text, "^([^%s,]*)()", from)
  end
  return string.lower(name), value, string.match(text, "^%s*,?%s*()", stop)
end

--- The challenges of a WWW-Authenticate field (RFC 9110 section 11.6.1): a list of tables of
-- <code>scheme</code> and <code>params</code>; nil when it is none.
function M.parse_www_authenticate(text)
  local challenges, at = {}, 1
  while at <= #text and #challenges < 20 do
    local scheme, after = string.match(text, "^[%s,]*([%w-]+)()", at)
    if not scheme then
      return #challenges > 0 and challenges or nil
    end
    local challenge = { scheme = string.lower(scheme), params = {} }
    challenges[#challenges + 1] = challenge
    at = string.match(text, "^%s*,?%s*()", after)
    while at <= #text do
      local name, value, stop = parse_parameter(text, at)
      if not name then
        break
      end
      challenge.params[name] = value
      at = stop
    end
    local token = string.match(text, "^([%w+/._~-]+=*)%s*,?%s*$", at)
    if token and next(challenge.params) == nil and #challenges == 1 and
        string.find(text, "^%s*[%w-]+%s+[%w+/._~-]+=*%s*$") then
      challenge.params[1] = token
      at = #text + 1
    end
  end
  return challenges
end

return M
