--- Cipher suites of TLS by number: IANA's registry "TLS Cipher Suites", of RFC 2246, 4162, 4346,
-- 4492, 5246, 5288, 5289, 5932, 6209, 6655, 7251, 7905 and 8446. Without those for which client and
-- server need a secret of theirs (PSK, SRP, Kerberos): no server takes these of a stranger.
-- @copyright trawl contributors, Apache-2.0

local string = require "string"
local table = require "table"

local M = {}

--- Names without their "TLS_".
M.NAMES = {
  [0x0001] = "RSA_WITH_NULL_MD5",
  [0x0002] = "RSA_WITH_NULL_SHA",
  [0x0003] = "RSA_EXPORT_WITH_RC4_40_MD5",
  [0x0004] = "RSA_WITH_RC4_128_MD5",
  [0x0005] = "RSA_WITH_RC4_128_SHA",
  [0x0006] = "RSA_EXPORT_WITH_RC2_CBC_40_MD5",
  [0x0007] = "RSA_WITH_IDEA_CBC_SHA",
  [0x0008] = "RSA_EXPORT_WITH_DES40_CBC_SHA",
  [0x0009] = "RSA_WITH_DES_CBC_SHA",
  [0x000a] = "RSA_WITH_3DES_EDE_CBC_SHA",
  [0x0011] = "DHE_DSS_EXPORT_WITH_DES40_CBC_SHA",
  [0x0012] = "DHE_DSS_WITH_DES_CBC_SHA",
  [0x0013] = "DHE_DSS_WITH_3DES_EDE_CBC_SHA",
  [0x0014] = "DHE_RSA_EXPORT_WITH_DES40_CBC_SHA",
  [0x0015] = "DHE_RSA_WITH_DES_CBC_SHA",
  [0x0016] = "DHE_RSA_WITH_3DES_EDE_CBC_SHA",
  [0x0017] = "DH_anon_EXPORT_WITH_RC4_40_MD5",
  [0x0018] = "DH_anon_WITH_RC4_128_MD5",
  [0x0019] = "DH_anon_EXPORT_WITH_DES40_CBC_SHA",
  [0x001a] = "DH_anon_WITH_DES_CBC_SHA",
  [0x001b] = "DH_anon_WITH_3DES_EDE_CBC_SHA",
  [0x002f] = "RSA_WITH_AES_128_CBC_SHA",
  [0x0032] = "DHE_DSS_WITH_AES_128_CBC_SHA",
  [0x0033] = "DHE_RSA_WITH_AES_128_CBC_SHA",
  [0x0034] = "DH_anon_WITH_AES_128_CBC_SHA",
  [0x0035] = "RSA_WITH_AES_256_CBC_SHA",
  [0x0038] = "DHE_DSS_WITH_AES_256_CBC_SHA",
  [0x0039] = "DHE_RSA_WITH_AES_256_CBC_SHA",
  [0x003a] = "DH_anon_WITH_AES_256_CBC_SHA",
  [0x003b] = "RSA_WITH_NULL_SHA256",
  [0x003c] = "RSA_WITH_AES_128_CBC_SHA256",
  [0x003d] = "RSA_WITH_AES_256_CBC_SHA256",
  [0x0040] = "DHE_DSS_WITH_AES_128_CBC_SHA256",
  [0x0041] = "RSA_WITH_CAMELLIA_128_CBC_SHA",
  [0x0044] = "DHE_DSS_WITH_CAMELLIA_128_CBC_SHA",
  [0x0045] = "DHE_RSA_WITH_CAMELLIA_128_CBC_SHA",
  [0x0046] = "DH_anon_WITH_CAMELLIA_128_CBC_SHA",
  [0x0067] = "DHE_RSA_WITH_AES_128_CBC_SHA256",
  [0x006a] = "DHE_DSS_WITH_AES_256_CBC_SHA256",
  [0x006b] = "DHE_RSA_WITH_AES_256_CBC_SHA256",
  [0x006c] = "DH_anon_WITH_AES_128_CBC_SHA256",
  [0x006d] = "DH_anon_WITH_AES_256_CBC_SHA256",
  [0x0084] = "RSA_WITH_CAMELLIA_256_CBC_SHA",
  [0x0087] = "DHE_DSS_WITH_CAMELLIA_256_CBC_SHA",
  [0x0088] = "DHE_RSA_WITH_CAMELLIA_256_CBC_SHA",
  [0x0089] = "DH_anon_WITH_CAMELLIA_256_CBC_SHA",
  [0x009c] = "RSA_WITH_AES_128_GCM_SHA256",
  [0x009d] = "RSA_WITH_AES_256_GCM_SHA384",
  [0x009e] = "DHE_RSA_WITH_AES_128_GCM_SHA256",
  [0x009f] = "DHE_RSA_WITH_AES_256_GCM_SHA384",
  [0x00a2] = "DHE_DSS_WITH_AES_128_GCM_SHA256",
  [0x00a3] = "DHE_DSS_WITH_AES_256_GCM_SHA384",
  [0x00a6] = "DH_anon_WITH_AES_128_GCM_SHA256",
  [0x00a7] = "DH_anon_WITH_AES_256_GCM_SHA384",
  [0x00ba] = "RSA_WITH_CAMELLIA_128_CBC_SHA256",
  [0x00bd] = "DHE_DSS_WITH_CAMELLIA_128_CBC_SHA256",
  [0x00be] = "DHE_RSA_WITH_CAMELLIA_128_CBC_SHA256",
  [0x00bf] = "DH_anon_WITH_CAMELLIA_128_CBC_SHA256",
  [0x00c0] = "RSA_WITH_CAMELLIA_256_CBC_SHA256",
  [0x00c3] = "DHE_DSS_WITH_CAMELLIA_256_CBC_SHA256",
  [0x00c4] = "DHE_RSA_WITH_CAMELLIA_256_CBC_SHA256",
  [0x00c5] = "DH_anon_WITH_CAMELLIA_256_CBC_SHA256",
  [0x1301] = "AES_128_GCM_SHA256",
  [0x1302] = "AES_256_GCM_SHA384",
  [0x1303] = "CHACHA20_POLY1305_SHA256",
  [0xc002] = "ECDH_ECDSA_WITH_RC4_128_SHA",
  [0xc003] = "ECDH_ECDSA_WITH_3DES_EDE_CBC_SHA",
  [0xc004] = "ECDH_ECDSA_WITH_AES_128_CBC_SHA",
  [0xc005] = "ECDH_ECDSA_WITH_AES_256_CBC_SHA",
  [0xc006] = "ECDHE_ECDSA_WITH_NULL_SHA",
  [0xc007] = "ECDHE_ECDSA_WITH_RC4_128_SHA",
  [0xc008] = "ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA",
  [0xc009] = "ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
  [0xc00a] = "ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
  [0xc00c] = "ECDH_RSA_WITH_RC4_128_SHA",
  [0xc00d] = "ECDH_RSA_WITH_3DES_EDE_CBC_SHA",
  [0xc00e] = "ECDH_RSA_WITH_AES_128_CBC_SHA",
  [0xc00f] = "ECDH_RSA_WITH_AES_256_CBC_SHA",
  [0xc010] = "ECDHE_RSA_WITH_NULL_SHA",
  [0xc011] = "ECDHE_RSA_WITH_RC4_128_SHA",
  [0xc012] = "ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
  [0xc013] = "ECDHE_RSA_WITH_AES_128_CBC_SHA",
  [0xc014] = "ECDHE_RSA_WITH_AES_256_CBC_SHA",
  [0xc015] = "ECDH_anon_WITH_NULL_SHA",
  [0xc016] = "ECDH_anon_WITH_RC4_128_SHA",
  [0xc017] = "ECDH_anon_WITH_3DES_EDE_CBC_SHA",
  [0xc018] = "ECDH_anon_WITH_AES_128_CBC_SHA",
  [0xc019] = "ECDH_anon_WITH_AES_256_CBC_SHA",
  [0xc023] = "ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
  [0xc024] = "ECDHE_ECDSA_WITH_AES_256_CBC_SHA384",
  [0xc027] = "ECDHE_RSA_WITH_AES_128_CBC_SHA256",
  [0xc028] = "ECDHE_RSA_WITH_AES_256_CBC_SHA384",
  [0xc02b] = "ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
  [0xc02c] = "ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
  [0xc02f] = "ECDHE_RSA_WITH_AES_128_GCM_SHA256",
  [0xc030] = "ECDHE_RSA_WITH_AES_256_GCM_SHA384",
  [0xc050] = "RSA_WITH_ARIA_128_GCM_SHA256",
  [0xc051] = "RSA_WITH_ARIA_256_GCM_SHA384",
  [0xc052] = "DHE_RSA_WITH_ARIA_128_GCM_SHA256",
  [0xc053] = "DHE_RSA_WITH_ARIA_256_GCM_SHA384",
  [0xc056] = "DHE_DSS_WITH_ARIA_128_GCM_SHA256",
  [0xc057] = "DHE_DSS_WITH_ARIA_256_GCM_SHA384",
  [0xc05c] = "ECDHE_ECDSA_WITH_ARIA_128_GCM_SHA256",
  [0xc05d] = "ECDHE_ECDSA_WITH_ARIA_256_GCM_SHA384",
  [0xc060] = "ECDHE_RSA_WITH_ARIA_128_GCM_SHA256",
  [0xc061] = "ECDHE_RSA_WITH_ARIA_256_GCM_SHA384",
  [0xc072] = "ECDHE_ECDSA_WITH_CAMELLIA_128_CBC_SHA256",
  [0xc073] = "ECDHE_ECDSA_WITH_CAMELLIA_256_CBC_SHA384",
  [0xc076] = "ECDHE_RSA_WITH_CAMELLIA_128_CBC_SHA256",
  [0xc077] = "ECDHE_RSA_WITH_CAMELLIA_256_CBC_SHA384",
  [0xc09c] = "RSA_WITH_AES_128_CCM",
  [0xc09d] = "RSA_WITH_AES_256_CCM",
  [0xc09e] = "DHE_RSA_WITH_AES_128_CCM",
  [0xc09f] = "DHE_RSA_WITH_AES_256_CCM",
  [0xc0a0] = "RSA_WITH_AES_128_CCM_8",
  [0xc0a1] = "RSA_WITH_AES_256_CCM_8",
  [0xc0a2] = "DHE_RSA_WITH_AES_128_CCM_8",
  [0xc0a3] = "DHE_RSA_WITH_AES_256_CCM_8",
  [0xc0ac] = "ECDHE_ECDSA_WITH_AES_128_CCM",
  [0xc0ad] = "ECDHE_ECDSA_WITH_AES_256_CCM",
  [0xc0ae] = "ECDHE_ECDSA_WITH_AES_128_CCM_8",
  [0xc0af] = "ECDHE_ECDSA_WITH_AES_256_CCM_8",
  [0xcca8] = "ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
  [0xcca9] = "ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
  [0xccaa] = "DHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
}

--- The name of a number, registered or not.
function M.name(number)
  local known = M.NAMES[number]
  return known and "TLS_" .. known or string.format("0x%04X", number)
end

-- Suites that came with TLS 1.2: authenticated encryption, and HMAC with SHA-2.
local function is_of_1_2(name)
  return string.find(name, "GCM") or string.find(name, "CCM") or string.find(name, "POLY1305") or
    string.find(name, "SHA256$") or string.find(name, "SHA384$")
end

--- The numbers of the suites that a version may use, in order.
-- @param version "SSLv3", "TLSv1.0" and so on
function M.of_version(version)
  local list = {}
  for number, name in pairs(M.NAMES) do
    local is_of_1_3 = number >> 8 == 0x13
    local fits
    if version == "TLSv1.3" then
      fits = is_of_1_3
    else
      fits = not is_of_1_3 and (version == "TLSv1.2" or not is_of_1_2(name))
    end
    if fits then
      list[#list + 1] = number
    end
  end
  table.sort(list)
  return list
end

--- What speaks against a suite, or nil: "null", "anonymous", "export", "broken" (RC4, RC2, DES),
-- "64-bit blocks" (3DES, IDEA), "no forward secrecy".
function M.weakness(number)
  local name = M.NAMES[number] or ""
  local reasons = { { "NULL", "null" }, { "anon", "anonymous" }, { "EXPORT", "export" },
    { "RC4", "broken" }, { "RC2", "broken" }, { "_DES_CBC", "broken" }, { "3DES", "64-bit blocks" },
    { "IDEA", "64-bit blocks" }, { "^RSA_", "no forward secrecy" },
    { "^ECDH_", "no forward secrecy" }, { "^DH_", "no forward secrecy" } }
  for _, reason in ipairs(reasons) do
    if string.find(name, reason[1]) then
      return reason[2]
    end
  end
  return nil
end

return M
