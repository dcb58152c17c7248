--- Reads an HTTP/1.1 response (RFC 9112) from a server that may mean harm.
--
-- Every part has a most: lines and bytes of the header, bytes of the body before and after its
-- compression is undone, and the time for all of it.
-- @copyright trawl contributors, Apache-2.0

local string = require "string"
local table = require "table"
local have_zlib, zlib = pcall(require, "zlib")

local M = {}

M.LONGEST_LINE = 16384
M.MOST_FIELDS = 200
M.MOST_BODY = 2 * 1024 * 1024

-- Name and value of each attribute of a Set-Cookie field (RFC 6265 section 5.2).
local function parse_cookie(text)
  local cookie
  for part in string.gmatch(text .. ";", "([^;]*);") do
    local name, value = string.match(part, "^%s*([^=]*)=?(.-)%s*$")
    name = string.gsub(name or "", "%s+$", "")
    if not cookie then
      if name == "" then
        return nil
      end
      cookie = { name = name, value = value }
    elseif name ~= "" then
      cookie[string.lower(name)] = value
    end
  end
  return cookie
end

--- The fields of a header until the empty line, as `header` with lower-case names, `rawheader`
-- with the lines and `cookies`; nil and why.
function M.read_fields(reader, response)
  local count = 0
  while true do
    local line, why = reader:line(M.LONGEST_LINE)
    if not line then
      return nil, why
    elseif line == "" then
      return true
    end
    count = count + 1
    if count > M.MOST_FIELDS then
      return nil, "too many header fields"
    end
    response.rawheader[#response.rawheader + 1] = line
    local name, value = string.match(line, "^([^:]+):%s*(.-)%s*$")
    if name then
      name = string.lower(string.gsub(name, "%s+$", ""))
      if name == "set-cookie" then
        response.cookies[#response.cookies + 1] = parse_cookie(value)
      end
      local known = response.header[name]
      response.header[name] = known and known .. ", " .. value or value
    end
  end
end

-- Chunks until the last (RFC 9112 section 7.1), at most `most` bytes of them.
local function read_chunks(reader, most)
  local parts, total = {}, 0
  local function told(why)
    return table.concat(parts), why
  end
  for _ = 1, 65536 do
    local line, why = reader:line(256)
    if not line then
      return told(why)
    end
    local size = tonumber(string.match(line, "^%s*(%x+)") or "", 16)
    if not size or size < 0 or #string.match(line, "^%s*(%x+)") > 8 then
      return told("bad chunk")
    elseif size == 0 then
      return told(nil)
    end
    local data
    data, why = reader:bytes(math.min(size, most - total))
    if not data then
      return told(why)
    end
    parts[#parts + 1] = data
    total = total + #data
    if total >= most then
      return told("too much data")
    end
    line, why = reader:line(256)
    if not line then
      return told(why)
    end
  end
  return told("too many chunks")
end

-- Takes what is there of `count` bytes.
local function read_up_to(reader, count)
  local data, why = reader:bytes(count)
  if data then
    return data
  end
  data = string.sub(reader.buffer, 1, count)
  reader.buffer = ""
  return data, why
end

--- Undoes gzip, zlib or deflate, up to `most` bytes.
-- @return the data; or nil and why
function M.inflate(data, most)
  if not have_zlib then
    return nil, "no zlib"
  end
  for _, window in ipairs { 15 + 32, -15 } do
    local at = 1
    local ok, out = pcall(function()
      local stream = zlib.inflate(function()
        if at > #data then
          return nil
        end
        local part = string.sub(data, at, at + 1023)
        at = at + #part
        return part
      end, window)
      local parts, total = {}, 0
      while total < most do
        local part = stream:read(math.min(16384, most - total))
        if not part or part == "" then
          break
        end
        parts[#parts + 1] = part
        total = total + #part
      end
      stream:close()
      return table.concat(parts)
    end)
    if ok and #out > 0 then
      return out
    end
  end
  return nil, "bad compressed data"
end

local COMPRESSED = { gzip = true, ["x-gzip"] = true, deflate = true }

local function decode(response, most)
  local encoding = string.lower(response.header["content-encoding"] or "")
  if not COMPRESSED[encoding] or response.body == "" then
    return
  end
  local plain, why = M.inflate(response.body, most)
  if plain then
    response.body = plain
    response.decoded = { encoding }
    response.undecoded = {}
  else
    response.decoded = {}
    response.undecoded = { encoding }
    response.decode_error = why
  end
end

local function read_body(reader, response, method, most)
  local status = response.status
  if method == "HEAD" or status == 204 or status == 304 then
    return "", nil
  end
  local coding = string.lower(response.header["transfer-encoding"] or "")
  if string.find(coding, "chunked", 1, true) then
    return read_chunks(reader, most)
  end
  local length = tonumber(string.match(response.header["content-length"] or "", "^(%d+)"))
  if length then
    local data, why = read_up_to(reader, math.min(length, most))
    return data, why or length > most and "too much data" or nil
  end
  -- Until the server closes.
  while #reader.buffer < most do
    local ok, why = reader:fill()
    if not ok then
      local data = reader.buffer
      reader.buffer = ""
      return data, why ~= "EOF" and why or nil
    end
  end
  return read_up_to(reader, most), "too much data"
end

--- A response as a table: status, "status-line", version, header, rawheader, cookies, body, and
-- `truncated` with the reason when the body is not whole.
-- @return the table; or nil and why
function M.read_response(reader, method, most)
  most = most or M.MOST_BODY
  for _ = 1, 5 do  -- Interim responses come before the one.
    local line, why = reader:line(M.LONGEST_LINE)
    if not line then
      return nil, why
    end
    local version, status = string.match(line, "^HTTP/(%d%.?%d*)%s+(%d%d%d)")
    if not version then
      return nil, "no HTTP response"
    end
    local response = {
      ["status-line"] = line .. "\r\n",
      version = version,
      status = tonumber(status),
      header = {},
      rawheader = {},
      cookies = {},
    }
    local ok
    ok, why = M.read_fields(reader, response)
    if not ok then
      return nil, why
    end
    if response.status >= 200 or response.status == 101 then
      response.body, response.truncated = read_body(reader, response, method, most)
      decode(response, most)
      return response
    end
  end
  return nil, "too many interim responses"
end

return M
