#pragma once

#include <optional>
#include <string_view>

#include "base/ip.h"
#include "control/audit/engine/probe_set.h"
#include "control/audit/port_report.h"
#include "dataplane/packet/dissect.h"

namespace trawl::control {

// What a reply says of a port.
struct PortVerdict {
  PortState state = PortState::Filtered;
  Reason reason;
};

// The table of Nmap's port states ("Port Scanning Techniques" in the Nmap book), for a packet that
// is known to answer a probe of a scan: the port's own reply, or an ICMP error that quotes it.
// nullopt for what says nothing.
[[nodiscard]] std::optional<PortVerdict> read_port_reply(ScanType type,
                                                         const dataplane::Dissection& reply);

// Why a host is up, for a packet that is known to answer a probe for host discovery ("Host
// Discovery Techniques"). nullopt for what does not say so.
[[nodiscard]] std::optional<Reason> read_host_reply(const ProbeSpec& spec,
                                                    const dataplane::Dissection& reply);

// The word for an ICMP error: "port-unreach"; "" for one that Nmap has no word for.
[[nodiscard]] std::string_view icmp_reason(const dataplane::PacketFacts& packet) noexcept;

// Why a host on our link is up: it told its hardware address.
[[nodiscard]] inline std::string_view neighbour_word(const IpAddress& ip) noexcept {
  return ip.is_v4() ? "arp-response" : "nd-response";
}

}  // namespace trawl::control
