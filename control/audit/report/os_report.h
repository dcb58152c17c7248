#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "osfp/database/os_database.h"
#include "osfp/database/os_summary.h"

namespace trawl::control {

enum class OsState : std::uint8_t {
  Skipped,  // --osscan-limit, or nothing could be asked: only `warnings` say something.
  None,     // No entry comes close.
  Matches,  // Entries that fit perfectly...
  TooMany,  // ...but more than say anything.
  Guesses   // Entries that come close.
};

struct OsMatchReport {
  std::string name;
  unsigned accuracy = 0;  // Percent; 100 of perfect ones.
  std::size_t line = 0;   // Of its Fingerprint line in the database.
  std::vector<osfp::OsClass> classes;
};

// What the open ports of a host answer to the TCP part of the tests, where they were asked one by
// one (--os-per-port).
struct OsPortReport {
  std::uint16_t port = 0;
  OsState state = OsState::None;
  std::vector<OsMatchReport> matches;
  std::string fingerprint;  // As OsReport's, without a SCAN line.
  // Ports with the same number seem to be on the same machine; 0 has most of them...
  std::size_t machine = 0;
  std::string difference;  // ...and the others differ from it: "TTL 128, not 64".
};

// What OS detection has to say of a host.
struct OsReport {
  OsState state = OsState::None;
  bool is_v6 = false;  // Asked over IPv6, where one of the two TCP ports is enough.
  // Lines that come before all else, without line ends: "Warning: OSScan results may be
  // unreliable because...".
  std::vector<std::string> warnings;
  // Those that reports name, the best first. Of TooMany: none, or with -d all that are known.
  std::vector<OsMatchReport> matches;
  osfp::OsSummary summary;  // Of all of them.

  // The lines of the fingerprint, each ended by a newline, SCAN first. With several rounds, lines
  // may be there more than once. osfp::wrap_for_submission() makes the "OS:" form of it.
  std::string fingerprint;
  // Taken under conditions that let others learn from it (G=Y), or why it was not: "Missing a
  // closed TCP port so results incomplete".
  bool is_ideal = false;
  std::string not_ideal;

  std::optional<std::uint16_t> open_tcp;
  std::optional<std::uint16_t> closed_tcp;
  std::optional<std::uint16_t> closed_udp;

  // How long the host has been up by its TCP timestamps, and since when.
  std::optional<std::chrono::seconds> uptime;
  std::chrono::system_clock::time_point last_boot;
  std::optional<unsigned> distance;  // Hops: 0 of this machine, 1 of one on our link.

  // The initial sequence numbers of its SYN-ACKs.
  struct Sequence {
    unsigned index = 0;
    std::string difficulty;  // "Good luck!"
    std::vector<std::uint32_t> values;
  };
  std::optional<Sequence> sequence;
  // Their IP identifiers, and their timestamps.
  struct Numbers {
    std::string kind;  // "Incremental", "1000HZ".
    std::vector<std::uint32_t> values;
  };
  std::optional<Numbers> ip_ids;
  std::optional<Numbers> stamps;

  std::vector<OsPortReport> ports;  // With --os-per-port.
  // Where SEQ probes did not leave 100 ms apart: over what time they left, as a share of what it
  // should be.
  std::optional<double> timing_ratio;
};

}  // namespace trawl::control
