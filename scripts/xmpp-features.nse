local bounded = require "bounded"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Lists what an XMPP server offers at the beginning of a stream (RFC 6120 section 4.3.2): TLS,
mechanisms for passwords, compression.
]]

---
-- @usage
-- -p 5222 --script xmpp-features
-- @output
-- 5222/tcp open  xmpp-client
-- | xmpp-features:
-- |   from: lab.test
-- |   starttls: required
-- |   mechanisms:
-- |_    SCRAM-SHA-1

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service({ 5222, 5269 }, { "jabber", "xmpp-client", "xmpp-server" })

local LARGEST = 65536
local MOST = 50

-- Texts of an element, wherever it is.
local function texts(xml, element)
  local list = {}
  for text in string.gmatch(xml, "<" .. element .. "[^>]*>([^<]*)</" .. element .. ">") do
    if #list < MOST then
      list[#list + 1] = text
    end
  end
  return #list > 0 and list or nil
end

local function describe(xml)
  local open = string.match(xml, "<stream:stream([^>]*)>")
  if not open then
    return nil
  end
  local output = stdnse.output_table()
  output.from = string.match(open, "from=[\"']([^\"']*)")
  output.version = string.match(open, "version=[\"']([^\"']*)")
  output.error = string.match(xml, "<stream:error[^>]*><([%w-]+)")
  local tls = string.match(xml, "<starttls[^>]*/>") or string.match(xml, "<starttls.-</starttls>")
  output.starttls = tls and (string.find(tls, "<required", 1, true) and "required" or "offered")
  output.mechanisms = texts(xml, "mechanism")
  output.compression = texts(xml, "method")
  return output
end

action = function(host, port)
  local name = stdnse.get_script_args("xmpp-features.name") or stdnse.get_hostname(host)
  local reader, socket = bounded.connect(host, port, { protocol = "tcp", limit = LARGEST,
    seconds = 8 })
  if not reader then
    return nil
  end
  local namespace = (port.number == 5269 or port.service == "xmpp-server") and "jabber:server" or
    "jabber:client"
  name = string.gsub(name, "[^%w.:-]", "")
  local xml
  if socket:send("<?xml version='1.0'?><stream:stream to='" .. name .. "' xmlns='" .. namespace ..
      "' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>") then
    while not string.find(reader.buffer, "</stream:", 1, true) and
        not string.find(reader.buffer, "<stream:features/>", 1, true) and reader:fill() do
      stdnse.debug3("%d bytes of the stream", #reader.buffer)
    end
    xml = reader.buffer
    socket:send("</stream:stream>")
  end
  socket:close()
  return xml and describe(xml)
end
