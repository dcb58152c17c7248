--- Reads from a socket with an end to it: so many bytes and so much time, whatever the peer does.
--
-- A socket's own timeout is for one receive; a server that sends a byte now and then never runs
-- into it. Used by our libraries for every stream.
-- @copyright trawl contributors, Apache-2.0

local nmap = require "nmap"
local string = require "string"

local M = {}

local Reader = {}
Reader.__index = Reader

--- Wraps a connected socket.
-- @param options <code>limit</code>: bytes in all (256 KiB); <code>seconds</code>: from now (15)
function M.reader(socket, options)
  options = options or {}
  local limit, seconds = options.limit or 262144, options.seconds or 15
  return setmetatable({
    socket = socket,
    buffer = "",
    left = limit,
    deadline = nmap.clock_ms() + seconds * 1000,
  }, Reader)
end

--- Receives once more.
-- @return true, or nil and "TIMEOUT", "EOF", "ERROR" or "too much data"
function Reader:fill()
  local remaining = self.deadline - nmap.clock_ms()
  if remaining <= 0 then
    return nil, "TIMEOUT"
  elseif self.left <= 0 then
    return nil, "too much data"
  end
  self.socket:set_timeout(math.max(math.floor(remaining), 10))
  local status, data = self.socket:receive()
  if not status then
    return nil, data
  end
  if #data > self.left then
    data = string.sub(data, 1, self.left)
  end
  self.left = self.left - #data
  self.buffer = self.buffer .. data
  return true
end

--- Exactly <code>count</code> bytes, or nil and why.
function Reader:bytes(count)
  if count > #self.buffer + self.left then
    return nil, "too much data"
  end
  while #self.buffer < count do
    local ok, why = self:fill()
    if not ok then
      return nil, why
    end
  end
  local data = string.sub(self.buffer, 1, count)
  self.buffer = string.sub(self.buffer, count + 1)
  return data
end

--- What comes before a text, which is taken out too; nil and why.
-- @param longest most bytes to look at (8192)
function Reader:before(text, longest)
  longest = longest or 8192
  local from = 1
  while true do
    local first, last = string.find(self.buffer, text, from, true)
    if first and first - 1 <= longest then
      local data = string.sub(self.buffer, 1, first - 1)
      self.buffer = string.sub(self.buffer, last + 1)
      return data
    elseif first or #self.buffer > longest + #text then
      return nil, "too much data"
    end
    from = math.max(1, #self.buffer - #text + 2)
    local ok, why = self:fill()
    if not ok then
      return nil, why
    end
  end
end

--- A line without its end, LF or CR LF; nil and why.
function Reader:line(longest)
  local line, why = self:before("\n", longest)
  if not line then
    return nil, why
  end
  return (string.gsub(line, "\r$", ""))
end

--- A reply of numbered lines as SMTP, FTP and NNTP have them: "250-more", "250 last".
-- @return the code as a number and a list of the lines without it; or nil and why
function Reader:numbered_reply(most)
  local lines = {}
  while #lines < (most or 200) do
    local line, why = self:line()
    if not line then
      return nil, why
    end
    local code, mark, text = string.match(line, "^(%d%d%d)([ -]?)(.*)$")
    if code then
      lines[#lines + 1] = text
      if mark ~= "-" then
        return tonumber(code), lines
      end
    elseif #lines == 0 then
      return nil, "no reply code"
    else
      lines[#lines + 1] = line
    end
  end
  return nil, "too many lines"
end

--- Everything until the peer closes, is silent until the time ends, or has sent enough.
function Reader:all()
  local ok, why
  repeat
    ok, why = self:fill()
  until not ok
  local data = self.buffer
  self.buffer = ""
  return data, why
end

--- Connects to a port, with TLS where the port is known to want it.
-- @param options as of reader(), and <code>protocol</code>: "tcp", "udp" or "ssl"
-- @return the reader, its socket; or nil and why
function M.connect(host, port, options)
  options = options or {}
  local protocol = options.protocol
  if not protocol then
    local tunnel = port.version and port.version.service_tunnel
    protocol = tunnel == "ssl" and "ssl" or port.protocol or "tcp"
  end
  local socket = nmap.new_socket()
  socket:set_timeout(math.floor((options.connect_seconds or 5) * 1000))
  local status, why = socket:connect(host, port, protocol)
  if not status then
    socket:close()
    return nil, why
  end
  return M.reader(socket, options), socket
end

--- Sends one datagram and returns the first answer that <code>accept</code> takes; asks again
-- when none comes.
-- @param options <code>tries</code> (2), <code>seconds</code> for each (2), <code>accept</code>
-- @return the datagram, or nil and why
function M.ask_udp(host, port, request, options)
  options = options or {}
  local socket = nmap.new_socket("udp")
  local status, why = socket:connect(host, port, "udp")
  if not status then
    socket:close()
    return nil, why
  end
  for _ = 1, options.tries or 2 do
    status, why = socket:send(request)
    if not status then
      break
    end
    local deadline = nmap.clock_ms() + (options.seconds or 2) * 1000
    for _ = 1, 100 do  -- Datagrams that are no answer.
      local remaining = math.floor(deadline - nmap.clock_ms())
      if remaining <= 0 then
        break
      end
      socket:set_timeout(math.max(remaining, 10))
      local data
      status, data = socket:receive()
      if not status then
        why = data
        break
      elseif not options.accept or options.accept(data) then
        socket:close()
        -- What answers is open.
        if type(host) == "table" and type(port) == "table" and port.state == "open|filtered" then
          nmap.set_port_state(host, port, "open")
        end
        return data
      end
    end
  end
  socket:close()
  return nil, why or "TIMEOUT"
end

return M
