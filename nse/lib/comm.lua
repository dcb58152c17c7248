--- One-shot conversations: connect, send something, read what comes.
-- @copyright trawl contributors, Apache-2.0

local nmap = require "nmap"
local stdnse = require "stdnse"

local M = {}

local MOST = 1 << 20  -- Bytes that read_some() keeps of a server that never stops.

-- The protocol to connect with: as told, else as the port's version says.
local function protocol_of(port, options)
  if options.proto then
    return options.proto
  end
  if type(port) ~= "table" then
    return "tcp"
  end
  if port.version and port.version.service_tunnel == "ssl" then
    return "ssl"
  end
  return port.protocol or "tcp"
end

local function connect(host, port, protocol, options)
  local socket = nmap.new_socket()
  local timeout = options.timeout
  socket:set_timeout(options.connect_timeout or timeout or
    stdnse.get_timeout(host, 8000, 5000))
  local status, why = socket:connect(host, port, protocol)
  if not status then
    socket:close()
    return nil, why
  end
  socket:set_timeout(options.request_timeout or timeout or
    stdnse.get_timeout(host, 8000, 5000) + 1000)
  return socket
end

-- As many lines or bytes as the options ask for; or what comes first.
local function read(socket, options)
  if options.lines then
    return socket:receive_lines(options.lines)
  elseif options.bytes then
    return socket:receive_bytes(options.bytes)
  end
  return socket:receive()
end

--- Connects, sends <code>data</code> unless it is nil, and reads the answer.
-- @return the socket and the answer; or nil and why
local function converse(host, port, protocol, data, options)
  local socket, why = connect(host, port, protocol, options)
  if not socket then
    return nil, why
  end
  if data and #data > 0 then
    local status
    status, why = socket:send(data)
    if not status then
      socket:close()
      return nil, why
    end
  end
  if options.recv_before == false then
    return socket, ""
  end
  local status, answer = read(socket, options)
  if not status then
    socket:close()
    return nil, answer
  end
  return socket, string.sub(answer, 1, MOST)
end

--- The first bytes that a server sends by itself.
-- @param options <code>lines</code>, <code>bytes</code>, <code>timeout</code> in ms,
--                <code>proto</code>
-- @return true and the banner; or false and why
function M.get_banner(host, port, options)
  return M.exchange(host, port, nil, options)
end

--- Sends data and reads the answer.
-- @return true and the answer; or false and why
function M.exchange(host, port, data, options)
  options = options or {}
  local socket, answer = converse(host, port, protocol_of(port, options), data, options)
  if not socket then
    return false, answer
  end
  socket:close()
  return true, answer
end

--- Connects with or without TLS, whichever works, and leaves the connection open.
-- @return the socket, the answer to <code>data</code>, "ssl" or the plain protocol, the first
--         thing read where <code>options.recv_before</code>; or nil, nil, nil and why
function M.tryssl(host, port, data, options)
  options = options or {}
  local plain = type(port) == "table" and port.protocol or "tcp"
  local order = { plain, "ssl" }
  if options.proto then
    order = { options.proto }
  elseif type(port) == "table" then
    local tunnel = port.version and port.version.service_tunnel
    if tunnel == "ssl" then
      order = { "ssl", plain }
    end
  end
  local why
  for _, protocol in ipairs(order) do
    local socket, first
    if options.recv_before then
      socket, first = converse(host, port, protocol, nil, { timeout = options.timeout,
        lines = options.lines, bytes = options.bytes })
      if socket and data and #data > 0 then
        local status = socket:send(data)
        local got, answer = read(socket, options)
        if status and got then
          return socket, answer, protocol, first
        end
        socket:close()
        socket, first = nil, answer
      end
      if socket then
        return socket, first, protocol, first
      end
      why = first
    else
      socket, first = converse(host, port, protocol, data, options)
      if socket then
        return socket, first, protocol
      end
      why = first
    end
  end
  return nil, nil, nil, why
end

--- Connects, sends and reads once, and leaves the connection open.
-- @return the socket, the answer; or nil and why
function M.opencon(host, port, data, options)
  options = options or {}
  return converse(host, port, protocol_of(port, options), data, options)
end

return M
