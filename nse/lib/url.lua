--- Parts of URLs (RFC 3986).
-- @copyright trawl contributors, Apache-2.0

local string = require "string"
local table = require "table"

local M = {}

--- Percent-encodes all but unreserved characters.
function M.escape(text)
  return (string.gsub(text, "[^%w%-._~]", function(c)
    return string.format("%%%02x", string.byte(c))
  end))
end

--- Undoes percent-encoding.
function M.unescape(text)
  return (string.gsub(text, "%%(%x%x)", function(digits)
    return string.char(tonumber(digits, 16))
  end))
end

--- The parts of a URL; those that are absent are nil, or taken from <code>default</code>.
-- @return a table of scheme, authority, userinfo, user, password, host, port, path, query, fragment
function M.parse(url, default)
  local parsed = {}
  for k, v in pairs(default or {}) do
    parsed[k] = v
  end
  local rest = url
  rest = string.gsub(rest, "#(.*)$", function(each) parsed.fragment = each return "" end)
  rest = string.gsub(rest, "^(%a[%w+.-]*):", function(each)
    parsed.scheme = string.lower(each)
    return ""
  end)
  rest = string.gsub(rest, "^//([^/?]*)", function(each) parsed.authority = each return "" end)
  rest = string.gsub(rest, "%?(.*)$", function(each) parsed.query = each return "" end)
  if rest ~= "" then
    parsed.path = rest
  end
  local authority = parsed.authority
  if authority then
    authority = string.gsub(authority, "^(.*)@", function(each)
      parsed.userinfo = each
      return ""
    end)
    local host, port = string.match(authority, "^%[([%x:.]*)%]:?(%d*)$")
    if host then
      parsed.host = host
    else
      host, port = string.match(authority, "^([^:]*):?(%d*)$")
      parsed.host = host or authority
    end
    parsed.port = tonumber(port)
    parsed.ascii_host = parsed.host
    if parsed.userinfo then
      parsed.user, parsed.password = string.match(parsed.userinfo, "^([^:]*):?(.*)$")
    end
  end
  return parsed
end

--- The URL of its parts.
function M.build(parsed)
  local authority = parsed.authority
  if parsed.host then
    authority = string.find(parsed.host, ":", 1, true) and "[" .. parsed.host .. "]" or
      parsed.host
    if parsed.port then
      authority = authority .. ":" .. parsed.port
    end
    if parsed.userinfo then
      authority = parsed.userinfo .. "@" .. authority
    end
  end
  return (parsed.scheme and parsed.scheme .. ":" or "") ..
    (authority and "//" .. authority or "") .. (parsed.path or "") ..
    (parsed.query and "?" .. parsed.query or "") ..
    (parsed.fragment and "#" .. parsed.fragment or "")
end

--- A path without "." and ".." (section 5.2.4).
function M.normalize(path)
  local kept, segments = {}, {}
  for segment in string.gmatch(string.gsub(path, "^/", "") .. "/", "([^/]*)/") do
    segments[#segments + 1] = segment
  end
  for i, segment in ipairs(segments) do
    local last = i == #segments
    if segment == ".." then
      kept[#kept] = nil
      if last then
        kept[#kept + 1] = ""
      end
    elseif segment ~= "." then
      kept[#kept + 1] = segment
    elseif last then
      kept[#kept + 1] = ""
    end
  end
  return (string.sub(path, 1, 1) == "/" and "/" or "") .. table.concat(kept, "/")
end

--- A reference resolved against a base URL (section 5.2).
function M.absolute(base, reference)
  local from = type(base) == "table" and base or M.parse(base)
  local to = M.parse(reference)
  if to.scheme then
    return reference
  end
  to.scheme = from.scheme
  if not to.authority then
    for _, field in ipairs { "authority", "userinfo", "user", "password", "host", "port" } do
      to[field] = from[field]
    end
    if not to.path then
      to.path = from.path
      to.query = to.query or from.query
    elseif string.sub(to.path, 1, 1) ~= "/" then
      local folder = string.match(from.path or "/", "^(.*/)") or "/"
      to.path = M.normalize(folder .. to.path)
    else
      to.path = M.normalize(to.path)
    end
  end
  return M.build(to)
end

return M
