--- Certificates of TLS servers, also of those that start TLS within another protocol.
-- @copyright trawl contributors, Apache-2.0

local tlsupgrade = require "tlsupgrade"

local M = {}

--- Whether a port's protocol can begin TLS later.
function M.isPortSupported(port)
  if type(port) == "number" then
    port = { number = port, protocol = "tcp" }
  end
  return tlsupgrade.of(port)
end

--- The certificate of a port.
-- @return true and the certificate, as of a socket's <code>get_ssl_certificate</code>; or false and
-- why
function M.getCertificate(host, port)
  local cache = type(host) == "table" and host.registry
  local key = cache and "sslcert:" .. port.number
  if cache and cache[key] then
    return true, cache[key]
  end
  local socket, why = tlsupgrade.connect(host, port)
  if not socket then
    return false, why
  end
  local certificate = socket:get_ssl_certificate()
  socket:close()
  if not certificate then
    return false, "no certificate"
  end
  if cache then
    cache[key] = certificate
  end
  return true, certificate
end

return M
