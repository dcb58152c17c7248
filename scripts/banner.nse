local bounded = require "bounded"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Prints what a TCP server says by itself within a few seconds of a connection.
]]

---
-- @usage
-- --script banner [--script-args banner.timeout=5s]
-- @output
-- | 22/tcp open  ssh
-- |_banner: SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u2

author = "trawl contributors"
license = "Apache-2.0"
categories = { "discovery", "safe" }

-- Text as nmap's script of this name prints it: bytes that are not printable as \xHH, the end of
-- the last line left out, in lines of the width of a terminal.
local WIDTH = 73
local MOST = 4096

portrule = function(_, port)
  return port.protocol == "tcp" and port.state == "open"
end

local function printable(text)
  text = string.gsub(text, "%s+$", "")
  return (string.gsub(text, "[^\x20-\x7e]", function(c)
    return string.format("\\x%02X", string.byte(c))
  end))
end

-- Parts of a text: the first stands behind "| banner: ", the others behind "|_". As many lines as
-- the verbosity and one more; "..." stands for what is left out.
local function fold(text)
  local first, most = WIDTH - #"| banner: ", nmap.verbosity() + 1
  local lines, at = {}, 1
  while at <= #text do
    local width = #lines == 0 and first or WIDTH - 2
    if #lines + 1 == most and #text - at + 1 > width then
      lines[most] = string.sub(text, at, at + width - 4) .. "...\n"
      break
    end
    lines[#lines + 1] = string.sub(text, at, at + width - 1)
    at = at + width
  end
  return table.concat(lines, "\n")
end

action = function(host, port)
  local seconds = stdnse.parse_timespec(stdnse.get_script_args("banner.timeout") or "5s") or 5
  local reader, socket = bounded.connect(host, port, { seconds = seconds, limit = MOST,
    protocol = shortport.ssl(host, port) and "ssl" or nil })
  if not reader then
    return nil
  end
  -- A greeting that comes in pieces comes at once.
  if reader:fill() then
    reader.deadline = math.min(reader.deadline, nmap.clock_ms() + 500)
    while not string.find(reader.buffer, "\n", 1, true) and reader:fill() do
      stdnse.debug2("more of the banner")
    end
  end
  socket:close()
  local text = printable(reader.buffer)
  return text ~= "" and fold(text) or nil
end
