local base64 = require "base64"
local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local url = require "url"

description = [[
Hashes a web server's icon, which often tells what software serves it: MurmurHash3 (32 bits, of the
icon in MIME's base 64, as Internet search engines index it), MD5 and SHA-256.
]]

---
-- @usage
-- --script http-favicon-hash
-- @output
-- 80/tcp open  http
-- | http-favicon-hash:
-- |   path: /favicon.ico
-- |   mmh3: -335242539
-- |   md5: 7d97481b1fe66f4b51db90da7e794d9f
-- |_  sha256: 2b9c8a2b...

author = "trawl contributors"
license = "Apache-2.0"
categories = { "discovery", "safe" }

local have_ssl, openssl = pcall(require, "openssl")

portrule = shortport.http

local MOST = 1024 * 1024

local function rotate(value, count)
  return (value << count | value >> 32 - count) & 0xffffffff
end

-- MurmurHash3_x86_32 with seed 0 (Austin Appleby, public domain), as a signed number.
local function mmh3(data)
  local hash, whole = 0, #data - #data % 4
  local function mix(block)
    block = rotate(block * 0xcc9e2d51 & 0xffffffff, 15)
    return block * 0x1b873593 & 0xffffffff
  end
  for at = 1, whole, 4 do
    hash = hash ~ mix((string.unpack("<I4", data, at)))
    hash = rotate(hash, 13) * 5 + 0xe6546b64 & 0xffffffff
  end
  if whole < #data then
    local tail = string.sub(data, whole + 1)
    hash = hash ~ mix((string.unpack("<I4", tail .. string.rep("\0", 4 - #tail))))
  end
  hash = hash ~ #data
  hash = (hash ~ hash >> 16) * 0x85ebca6b & 0xffffffff
  hash = (hash ~ hash >> 13) * 0xc2b2ae35 & 0xffffffff
  hash = hash ~ hash >> 16
  return hash < 0x80000000 and hash or hash - 0x100000000
end

-- Base 64 in lines of 76 with a line feed after each (RFC 2045 section 6.8, with LF).
local function mime(data)
  return (string.gsub(base64.enc(data), ("."):rep(76), "%0\n") .. "\n"):gsub("\n\n$", "\n")
end

-- The icon that a page names, as a path on the same server.
local function icon_of(body)
  for tag in string.gmatch(string.sub(body or "", 1, 65536), "<[Ll][Ii][Nn][Kk]([^>]*)>") do
    local rel = string.match(tag, "[Rr][Ee][Ll]%s*=%s*[\"']?([^\"'>]*)")
    local href = string.match(tag, "[Hh][Rr][Ee][Ff]%s*=%s*[\"']?([^\"'%s>]*)")
    if rel and href and string.find(string.lower(rel), "icon", 1, true) and
        not string.find(href, "^%a[%w+.-]*:") and not string.find(href, "^//") then
      return url.absolute("/", href)
    end
  end
  return nil
end

local function fetch(host, port, path)
  local response = http.get(host, port, path, { max_body_size = MOST })
  if response.status == 200 and response.body and #response.body > 0 then
    return response.body
  end
  return nil
end

action = function(host, port)
  local path = "/favicon.ico"
  local icon = fetch(host, port, path)
  if not icon then
    local named = icon_of(fetch(host, port, "/"))
    icon = named and fetch(host, port, named)
    path = named
  end
  if not icon then
    return nil
  end
  local output = stdnse.output_table()
  output.path = path
  output.mmh3 = mmh3((mime(icon)))
  if have_ssl then
    output.md5 = stdnse.tohex(openssl.md5(icon))
    output.sha256 = stdnse.tohex(openssl.digest("sha256", icon))
  end
  return output
end
