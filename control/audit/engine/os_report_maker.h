#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "control/audit/engine/os_judge.h"
#include "control/audit/report/os_report.h"
#include "dataplane/packet/raw_network.h"
#include "osfp/active/analysis.h"

namespace trawl::control {

// The ports of a host that OS detection asks: the lowest of each kind, as Nmap.
struct OsPorts {
  std::vector<std::uint16_t> open_tcp;  // All, in rising order; without those that are wrapped.
  std::optional<std::uint16_t> closed_tcp;
  std::optional<std::uint16_t> closed_udp;
};

// A host as OS detection has to know it.
struct OsHost {
  std::uint64_t id = 0;  // Not that of another one.
  dataplane::Way way;
  IpAddress ip;
  OsPorts ports;
  osfp::Moment timeout = std::chrono::seconds{1};  // For an answer.
  std::optional<unsigned> traced;                  // Hops, by a traceroute.
  std::optional<std::uint32_t> mac_vendor;         // The first three bytes.
};

// What came of the rounds to one host.
struct OsRounds {
  const OsHost* host = nullptr;
  std::span<const osfp::Round> rounds{};
  std::span<const osfp::Round6> rounds6{};  // Instead, of an IPv6 host.
  std::span<const OsVerdict> verdicts;      // At least one; of the rounds, in order.
  bool kept_time = true;                    // SEQ probes left 100 ms apart...
  double timing_ratio = 1;                  // ...or took so much of that time.
  int timing_level = 3;
  std::string_view version;
  std::string_view platform;
};

// Whether others could learn from these rounds over IPv4: where they could not, nmap 7.93 asks
// twice at most, whatever it is told.
[[nodiscard]] bool are_conditions_good(const OsRounds& found);

// The best verdict counts; the fingerprint has all rounds, over IPv6 the best one only.
[[nodiscard]] OsReport make_os_report(const OsRounds& found);

// What one open port answered to the TCP part of the tests.
struct OsPortRound {
  std::uint16_t port = 0;
  OsVerdict verdict;
  std::vector<std::byte> syn_ack;  // None for silence.
  osfp::Moment arrival{};
};
[[nodiscard]] std::vector<OsPortReport> make_port_reports(std::span<const OsPortRound> ports);

}  // namespace trawl::control
