local datetime = require "datetime"
local os = require "os"
local sslcert = require "sslcert"
local stdnse = require "stdnse"
local string = require "string"
local stringaux = require "stringaux"
local table = require "table"
local tlsupgrade = require "tlsupgrade"

description = [[
Shows the certificate of a TLS server, also where TLS is started within SMTP, IMAP, POP3, FTP, LDAP,
XMPP, PostgreSQL, MySQL or RDP.
]]

---
-- @usage
-- --script tls-cert
-- @output
-- 443/tcp open  https
-- | tls-cert:
-- |   subject: CN=www.lab.test
-- |   issuer: CN=www.lab.test
-- |   names:
-- |     DNS:www.lab.test
-- |   key: rsa 2048
-- |   signature: sha256WithRSAEncryption
-- |   not before: 2026-01-01T00:00:00
-- |   not after: 2036-01-01T00:00:00
-- |_  sha256: 5e1c...

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = tlsupgrade.rule

local MOST_NAMES = 100
local SHORT = { commonName = "CN", organizationName = "O", organizationalUnitName = "OU",
  countryName = "C", stateOrProvinceName = "ST", localityName = "L", emailAddress = "emailAddress",
  domainComponent = "DC" }
local ORDER = { "commonName", "organizationalUnitName", "organizationName", "localityName",
  "stateOrProvinceName", "countryName", "domainComponent", "emailAddress" }

-- A name of the certificate in one line.
local function name_text(name)
  local parts, known = {}, {}
  local function add(key, label)
    local value = name[key]
    known[key] = true
    if type(value) == "string" then
      parts[#parts + 1] = label .. "=" .. string.gsub(value, "[^\x20-\x7e\x80-\xff]", "?")
    end
  end
  for _, key in ipairs(ORDER) do
    add(key, SHORT[key])
  end
  local others = {}
  for key in pairs(name) do
    if not known[key] then
      others[#others + 1] = { key = key,
        label = type(key) == "table" and table.concat(key, ".") or tostring(key) }
    end
  end
  table.sort(others, function(a, b) return a.label < b.label end)
  for _, other in ipairs(others) do
    add(other.key, other.label)
  end
  return table.concat(parts, "/")
end

-- The alternative names.
local function names_of(certificate)
  for _, extension in ipairs(certificate.extensions or {}) do
    if extension.name == "X509v3 Subject Alternative Name" then
      local names = stringaux.strsplit(",%s*", extension.value)
      for i = #names, MOST_NAMES + 1, -1 do
        names[i] = nil
      end
      return names
    end
  end
  return nil
end

local function when(date)
  return type(date) == "table" and datetime.format_timestamp(date) or tostring(date)
end

-- What a reader should see at once.
local function remark(certificate)
  local now = os.time()
  local first, last = certificate.validity.notBefore, certificate.validity.notAfter
  if type(last) == "table" and datetime.date_to_timestamp(last, 0) < now then
    return "expired"
  elseif type(first) == "table" and datetime.date_to_timestamp(first, 0) > now then
    return "begins later"
  end
  return nil
end

action = function(host, port)
  local ok, certificate = sslcert.getCertificate(host, port)
  if not ok then
    stdnse.debug1("no certificate: %s", certificate)
    return nil
  end
  local output = stdnse.output_table()
  output.subject = name_text(certificate.subject)
  output.issuer = name_text(certificate.issuer)
  if output.subject == output.issuer then
    output["self-issued"] = true
  end
  output.names = names_of(certificate)
  output.key = string.format("%s %d", certificate.pubkey.type, certificate.pubkey.bits)
  output.signature = certificate.sig_algorithm
  output["not before"] = when(certificate.validity.notBefore)
  output["not after"] = when(certificate.validity.notAfter)
  output.validity = remark(certificate)
  output.sha256 = stdnse.tohex(certificate:digest("sha256"))
  return output
end
