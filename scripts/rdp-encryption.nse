local bounded = require "bounded"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Lists the security layers that an RDP server takes ([MS-RDPBCGR] 2.2.1.1): its own, TLS, network
level authentication (CredSSP), RDSTLS, Azure AD; each asked for alone.
]]

---
-- @usage
-- -p 3389 --script rdp-encryption
-- @output
-- 3389/tcp open  ms-wbt-server
-- | rdp-encryption:
-- |   Native RDP: accepted
-- |   TLS: accepted
-- |_  CredSSP (NLA): SSL_NOT_ALLOWED_BY_SERVER

author = "trawl contributors"
license = "Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service(3389, "ms-wbt-server")

local LAYERS = { { "Native RDP", 0 }, { "TLS", 1 }, { "CredSSP (NLA)", 2 }, { "RDSTLS", 4 },
  { "CredSSP with early user authorization", 8 }, { "RDS AAD Auth", 16 } }
-- [MS-RDPBCGR] 2.2.1.2.2.
local FAILURES = { "SSL_REQUIRED_BY_SERVER", "SSL_NOT_ALLOWED_BY_SERVER", "SSL_CERT_NOT_ON_SERVER",
  "INCONSISTENT_FLAGS", "HYBRID_REQUIRED_BY_SERVER", "SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER" }

-- The negotiation of one layer: "accepted", why not, or nil when the server is no RDP.
local function negotiate(host, port, layer)
  local reader, socket = bounded.connect(host, port, { protocol = "tcp", limit = 4096,
    seconds = 6 })
  if not reader then
    return nil
  end
  -- TPKT, X.224 Connection Request, RDP_NEG_REQ; an older client sends no request at all.
  local request = layer == 0 and "" or string.pack("<BBI2I4", 1, 0, 8, layer)
  local x224 = string.pack(">BBI2I2B", 6 + #request, 0xe0, 0, 0, 0) .. request
  local head = socket:send(string.pack(">BBI2", 3, 0, 4 + #x224) .. x224) and reader:bytes(4)
  local body
  if head and string.byte(head) == 3 then
    local length = string.unpack(">I2", head, 3)
    body = length >= 11 and length <= 1024 and reader:bytes(length - 4)
  end
  socket:close()
  if not body or string.byte(body, 2) & 0xf0 ~= 0xd0 then
    return nil
  end
  if #body < 15 then
    -- A server without negotiation: its own layer.
    return layer == 0 and "accepted" or "no negotiation"
  end
  local kind, value = string.byte(body, 8), string.unpack("<I4", body, 12)
  if kind == 2 then
    return value & layer == layer and "accepted" or "not taken"
  end
  return FAILURES[value] or "refused with code " .. value
end

action = function(host, port)
  local output, found = stdnse.output_table(), false
  for _, layer in ipairs(LAYERS) do
    local answer = negotiate(host, port, layer[2])
    if not answer and not found then
      return nil
    end
    output[layer[1]] = answer
    found = true
  end
  return output
end
