local bounded = require "bounded"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Tells whether an FTP server lets anyone in as "anonymous" (RFC 1635), and shows the beginning of the
folder that they see.
]]

---
-- @usage
-- --script ftp-anonymous [--script-args ftp-anonymous.lines=20]
-- @output
-- 21/tcp open  ftp
-- | ftp-anonymous:
-- |   login: allowed
-- |   system: UNIX Type: L8
-- |   listing:
-- |_    drwxr-xr-x    2 ftp      ftp          4096 Jan 01  2026 pub

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "auth", "safe" }

portrule = shortport.port_or_service(21, "ftp")

local MOST_BYTES = 65536

local function command(reader, socket, text)
  if not socket:send(text .. "\r\n") then
    return nil
  end
  return reader:numbered_reply()
end

-- Opens the connection that carries the listing. The address of the answer is not believed: a
-- server could have us connect anywhere.
local function passive(host, reader, socket)
  local code, lines = command(reader, socket, "EPSV")
  local number = code == 229 and string.match(lines[1], "%(|||(%d+)|%)")
  if not number then
    code, lines = command(reader, socket, "PASV")
    local high, low = string.match(code == 227 and lines[1] or "",
      "%d+,%d+,%d+,%d+,(%d+),(%d+)")
    number = high and tonumber(high) * 256 + tonumber(low)
  end
  number = tonumber(number)
  if not number or number < 1 or number > 65535 then
    return nil
  end
  return bounded.connect(host, { number = number, protocol = "tcp" },
    { protocol = "tcp", limit = MOST_BYTES, seconds = 8 })
end

local function listing(host, reader, socket, most)
  local data, data_socket = passive(host, reader, socket)
  if not data then
    return nil
  end
  local code = command(reader, socket, "LIST")
  local lines = {}
  if code == 150 or code == 125 then
    while #lines < most do
      local line = data:line(1024)
      if not line then
        break
      end
      lines[#lines + 1] = line
    end
  end
  data_socket:close()
  return #lines > 0 and lines or nil
end

local function converse(host, reader, socket)
  if reader:numbered_reply() ~= 220 then
    return nil
  end
  local code = command(reader, socket, "USER anonymous")
  if code == 331 then
    code = command(reader, socket, "PASS trawl@example.com")
  end
  local output = stdnse.output_table()
  if code ~= 230 then
    if code == 530 and nmap.verbosity() > 1 then
      output.login = "refused"
      return output
    end
    return nil
  end
  output.login = "allowed"
  local lines
  code, lines = command(reader, socket, "SYST")
  output.system = code == 215 and lines[1] or nil
  local most = tonumber(stdnse.get_script_args("ftp-anonymous.lines") or 20) or 20
  output.listing = listing(host, reader, socket, most)
  socket:send("QUIT\r\n")
  return output
end

action = function(host, port)
  local reader, socket = bounded.connect(host, port, { limit = MOST_BYTES, seconds = 25 })
  if not reader then
    return nil
  end
  local output = converse(host, reader, socket)
  socket:close()
  return output
end
