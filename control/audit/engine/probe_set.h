#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "control/audit/port_report.h"
#include "dataplane/udp_payload.h"

namespace trawl::control {

// What a probe is on the wire.
enum class ProbeKind : std::uint8_t {
  Tcp,
  Udp,
  IpProtocol,
  SctpInit,
  SctpCookie,
  IcmpEcho,
  IcmpTimestamp,
  IcmpMask,
  Connect,   // By the kernel's own TCP.
  Bounce,    // By an FTP server.
  Neighbour  // ARP, or neighbour discovery.
};

// Whether somebody else's TCP connects: such a probe is no packet of ours.
[[nodiscard]] constexpr bool is_connection(ProbeKind kind) noexcept {
  return kind == ProbeKind::Connect || kind == ProbeKind::Bounce;
}

struct ProbeSpec {
  ProbeKind kind = ProbeKind::Tcp;
  std::uint8_t flags = 0;    // Of TCP.
  std::uint16_t number = 0;  // The port, or the protocol's number.
  std::uint8_t ttl = 0;      // Of a trace; 0 for any.

  friend bool operator==(const ProbeSpec&, const ProbeSpec&) = default;
};

// How replies to probes are read: the scans of Nmap's -s options, and host discovery.
enum class ScanType : std::uint8_t {
  Syn,
  Connect,
  Ack,
  Window,
  Maimon,
  Null,
  Fin,
  Xmas,
  Udp,
  SctpInit,
  SctpCookie,
  IpProtocol,
  Bounce,
  Idle,
  Discovery,
  Neighbour,
  Trace
};

// The probes that a host gets, in the order in which they are sent.
class ProbeSet {
 public:
  ProbeSet(ScanType type, std::vector<ProbeSpec> specs);

  [[nodiscard]] ScanType type() const noexcept { return type_; }
  [[nodiscard]] const std::vector<ProbeSpec>& specs() const noexcept { return specs_; }
  [[nodiscard]] std::uint32_t size() const noexcept {
    return static_cast<std::uint32_t>(specs_.size());
  }
  // The number of the probe of this kind to this port; -1 when there is none. Probes of TCP with
  // other flags are told apart only by `flags` of a discovery.
  [[nodiscard]] int find(ProbeKind kind, std::uint16_t number) const noexcept;
  // The same among probes of TCP with these flags.
  [[nodiscard]] int find_tcp(std::uint16_t number, std::uint8_t flags) const noexcept;

 private:
  ScanType type_;
  std::vector<ProbeSpec> specs_;
  bool is_scan_ = false;                 // Of one kind, each number once.
  std::vector<std::int32_t> by_number_;  // For scans of many ports.
};

// The scans of a host, in their order.
using ScanList = std::vector<std::shared_ptr<const ProbeSet>>;

// Flags of a scan's probes: those of its type.
[[nodiscard]] std::uint8_t flags_of(ScanType type) noexcept;
[[nodiscard]] ProbeKind kind_of(ScanType type) noexcept;
[[nodiscard]] PortProtocol protocol_of(ScanType type) noexcept;
// What silence says of a port.
[[nodiscard]] PortState silent_state(ScanType type) noexcept;
// "syn", "connect", "ipproto": as Nmap's DTD names them.
[[nodiscard]] std::string_view xml_name_of(ScanType type) noexcept;

}  // namespace trawl::control
