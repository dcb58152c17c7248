--- Port rules: functions that say whether a script runs for a port.
-- @copyright trawl contributors, Apache-2.0

local nmap = require "nmap"

local M = {}

-- Whether `what` is `wanted` or one of a list of it.
local function is_one_of(what, wanted)
  if type(wanted) ~= "table" then
    return what == wanted
  end
  for _, each in ipairs(wanted) do
    if what == each then
      return true
    end
  end
  return false
end

local function has_number(number, wanted)
  if type(wanted) ~= "table" then
    return number == tonumber(wanted)
  end
  for _, each in ipairs(wanted) do
    if number == tonumber(each) then
      return true
    end
  end
  return false
end

local OPEN = { "open", "open|filtered" }

local function matches(port, protocols, states)
  return is_one_of(port.protocol, protocols or "tcp") and is_one_of(port.state, states or OPEN)
end

--- Whether the user excluded a port from what versions are asked of.
function M.port_is_excluded(number, protocol)
  return nmap.port_is_excluded(number, protocol)
end

--- A rule for port numbers: a number or a list of them.
function M.portnumber(numbers, protocols, states)
  return function(_, port)
    return matches(port, protocols, states) and has_number(port.number, numbers)
  end
end

--- A rule for names of services.
function M.service(names, protocols, states)
  return function(_, port)
    return matches(port, protocols, states) and port.service ~= nil and
      is_one_of(port.service, names)
  end
end

--- A rule for either.
function M.port_or_service(numbers, names, protocols, states)
  local by_number = M.portnumber(numbers, protocols, states)
  local by_name = M.service(names, protocols, states)
  return function(host, port)
    return by_number(host, port) or by_name(host, port)
  end
end

--- As <code>port_or_service</code>, but not for excluded ports nor for less intensity than
-- <code>rarity</code>.
function M.version_port_or_service(numbers, names, protocols, states, rarity)
  local rule = M.port_or_service(numbers, names, protocols, states)
  return function(host, port)
    return rule(host, port) and nmap.version_intensity() >= (rarity or 7) and
      not nmap.port_is_excluded(port.number, port.protocol)
  end
end

--- A rule for ranges as after -p: "T:1-5,U:53,8000-".
function M.port_range(ranges)
  local list, protocol = {}, nil
  for part in string.gmatch(ranges, "[^,]+") do
    local prefix, rest = string.match(part, "^%s*([TU]):(.*)$")
    protocol = prefix and (prefix == "T" and "tcp" or "udp") or protocol
    local first, dash, last = string.match(rest or part, "^%s*(%d*)(%-?)(%d*)%s*$")
    if not first or first == "" and dash == "" then
      error("'" .. ranges .. "' are no port ranges", 2)
    end
    first = tonumber(first) or 0
    last = tonumber(last) or (dash == "-" and 65535 or first)
    list[#list + 1] = { first = first, last = last, protocol = protocol }
  end
  return function(_, port)
    for _, each in ipairs(list) do
      if port.number >= each.first and port.number <= each.last and
          (each.protocol == nil or each.protocol == port.protocol) then
        return is_one_of(port.state, OPEN)
      end
    end
    return false
  end
end

M.LIKELY_HTTP_PORTS = { 80, 443, 631, 5800, 7080, 8000, 8008, 8080, 8081, 8088, 8443, 8888, 3872,
  9080, 9090 }
M.LIKELY_HTTP_SERVICES = { "http", "https", "ipp", "http-alt", "https-alt", "vnc-http", "oem-agent",
  "soap", "http-proxy", "caldav", "carddav", "webdav" }

--- The rule for web servers.
M.http = M.port_or_service(M.LIKELY_HTTP_PORTS, M.LIKELY_HTTP_SERVICES)

local SSL_PORTS = { 261, 271, 324, 443, 465, 563, 585, 614, 636, 684, 832, 853, 902, 989, 990, 992,
  993, 994, 995, 2221, 2252, 2376, 3269, 3389, 4433, 4911, 5061, 5671, 5986, 6679, 6697, 8443, 8883,
  9001 }
local SSL_SERVICES = { "ftps", "ftps-data", "ftps-control", "https", "https-alt", "imaps", "ircs",
  "ldaps", "ldapssl", "ms-wbt-server", "pop3s", "sip-tls", "smtps", "telnets" }
local by_port = M.port_or_service(SSL_PORTS, SSL_SERVICES, { "tcp", "sctp" })

--- The rule for TLS from the first byte.
function M.ssl(host, port)
  if not matches(port, { "tcp", "sctp" }) then
    return false
  end
  return port.version ~= nil and port.version.service_tunnel == "ssl" or by_port(host, port)
end

return M
