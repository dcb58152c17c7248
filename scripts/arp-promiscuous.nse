local nmap = require "nmap"
local rawpacket = require "rawpacket"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Tells which hosts of the local network take in every frame, as one that runs a sniffer does.

A network card hands up what is sent to its own address, to all, and to groups that its host is in.
In promiscuous mode it hands up everything, and the system then answers ARP requests that were sent
to groups that no one is in. So the host is asked for its address by frames to several of these.

A virtual interface without a filter hands up everything anyway; the output says what was answered.
]]

---
-- @usage
-- --script arp-promiscuous 192.0.2.0/24
-- @output
-- Host script results:
-- | arp-promiscuous:
-- |   verdict: takes in every frame: promiscuous mode
-- |   answered:
-- |     FF:FF:FF:FF:FF:FE
-- |_    01:00:00:00:00:00

author = "trawl contributors"
license = "Apache-2.0"
categories = { "discovery", "intrusive" }

local TRIES, PATIENCE = 2, 500  -- Milliseconds for one answer.
-- Groups that nobody is in: all but the last bit of broadcast, parts of it, a group bit alone, and
-- one of IPv4's groups (RFC 1112 section 6.4) that is not assigned.
local TESTS = { "\xff\xff\xff\xff\xff\xfe", "\xff\xff\0\0\0\0", "\xff\0\0\0\0\0", "\1\0\0\0\0\0",
  "\1\0\x5e\x7f\xf7\xf5" }

hostrule = function(host)
  if not nmap.is_privileged() or not host.directly_connected or not host.interface or
      #(host.bin_ip or "") ~= 4 or #(host.bin_ip_src or "") ~= 4 or not host.mac_addr_src then
    return false
  end
  local interface = nmap.get_interface_info(host.interface)
  return interface ~= nil and interface.link == "ethernet"
end

-- Whether the host answers an ARP request to this address of a frame.
local function answers(host, link, capture, destination)
  local frame = rawpacket.arp_request { destination = destination, source_mac = host.mac_addr_src,
    source_ip = host.bin_ip_src, target_ip = host.bin_ip }
  for _ = 1, TRIES do
    link:ethernet_send(frame)
    capture:set_timeout(PATIENCE)
    if capture:pcap_receive() then
      return true
    end
  end
  return false
end

action = function(host)
  local capture = nmap.new_socket()
  -- Replies (operation 2) from the host's address to us.
  capture:pcap_open(host.interface, 64, false, string.format(
    "arp and ether dst %s and arp[6:2] = 2 and arp[14:4] = 0x%08x",
    rawpacket.mac_text(host.mac_addr_src), string.unpack(">I4", host.bin_ip)))
  local link = nmap.new_dnet()
  link:ethernet_open(host.interface)
  local answered = {}
  local usual = answers(host, link, capture, "\xff\xff\xff\xff\xff\xff")
  if usual then
    for _, destination in ipairs(TESTS) do
      if answers(host, link, capture, destination) then
        answered[#answered + 1] = rawpacket.mac_text(destination)
      end
    end
  end
  link:ethernet_close()
  capture:pcap_close()
  if not usual or #answered == 0 and nmap.verbosity() < 2 then
    return nil
  end
  local output = stdnse.output_table()
  if #answered == #TESTS then
    output.verdict = "takes in every frame: promiscuous mode"
  elseif #answered > 0 then
    output.verdict = "takes in some frames that are not for it"
  else
    output.verdict = "filters as it should"
  end
  output.answered = #answered > 0 and answered or nil
  return output
end
