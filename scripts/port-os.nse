local nmap = require "nmap"
local osdatabase = require "osdatabase"
local osprobes = require "osprobes"
local rawpacket = require "rawpacket"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Runs the tests of OS detection that need one open TCP port against each open port by itself, and so
tells the systems apart to which a forwarder passes its ports, and names them where the database of
fingerprints (nmap-os-db, or our own) has their like.
]]

---
-- @usage
-- --script port-os [--script-args port-os.ports=8]
-- @output
-- Host script results:
-- | port-os:
-- |   22:
-- |     system: Linux 6.18 (97%)
-- |     fingerprint:
-- |       SEQ(SP=104%GCD=1%ISR=10A%TI=Z%TS=A)
-- |       ...
-- |_  verdict: one system answers

author = "trawl contributors"
license = "Apache-2.0"
categories = { "discovery", "intrusive" }

local MOST = 8

hostrule = function(host)
  return rawpacket.is_reachable(host) and nmap.get_ports(host, nil, "tcp", "open") ~= nil
end

-- "Linux 6.18 (97%)".
local function system_of(lines)
  local names, percent = {}, 0
  for i, each in ipairs(osdatabase.match(lines)) do
    names[i] = each.name
    percent = math.floor(each.accuracy * 100)
  end
  return #names > 0 and string.format("%s (%d%%)", table.concat(names, ", or "), percent) or nil
end

local function text_of(lines)
  local list = {}
  for i, name in ipairs(osprobes.LINES) do
    list[i] = osprobes.line_text(name, lines[name])
  end
  return list
end

-- Fingerprints of the open ports, with the ports of each system.
local function ask_all(host, link, capture, most)
  local stacks, by_key, count = {}, {}, 0
  local port = nmap.get_ports(host, nil, "tcp", "open")
  while port and count < most do
    local answers, sent = osprobes.ask(host, port, link, capture)
    if answers[1] then
      count = count + 1
      local lines = osprobes.fingerprint(answers, sent)
      local key = osprobes.stack_key(lines)
      if not by_key[key] then
        by_key[key] = { ports = {}, lines = lines }
        stacks[#stacks + 1] = by_key[key]
      end
      table.insert(by_key[key].ports, port.number)
    end
    port = nmap.get_ports(host, port, "tcp", "open")
  end
  return stacks, count
end

action = function(host)
  local capture, why = rawpacket.capture(host, string.format("tcp and src host %s", host.ip))
  if not capture then
    stdnse.debug1("%s", why)
    return nil
  end
  local link = nmap.new_dnet()
  link:ip_open()
  local most = tonumber(stdnse.get_script_args("port-os.ports") or MOST) or MOST
  local stacks, count = ask_all(host, link, capture, most)
  link:ip_close()
  capture:pcap_close()
  if count == 0 then
    return nil
  end
  local output = stdnse.output_table()
  for _, stack in ipairs(stacks) do
    local entry = stdnse.output_table()
    entry.system = system_of(stack.lines)
    entry.fingerprint = text_of(stack.lines)
    output[table.concat(stack.ports, ", ")] = entry
  end
  if count > 1 then
    output.verdict = #stacks == 1 and "one system answers" or #stacks .. " systems answer"
  end
  return output
end
