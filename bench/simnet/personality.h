#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "bench/simnet/isn_style.h"
#include "osfp/database/os_database.h"
#include "osfp/fingerprint.h"

namespace trawl::simnet {

// How a number of an answer relates to one of the probe: the tests S and A.
enum class NumberRule : std::uint8_t { Zero, Same, Next, Other };

// What one segment is answered with.
struct SegmentStyle {
  static constexpr std::size_t kMostOptions = 40;

  bool answers = false;
  bool df = false;
  std::uint8_t ttl = 64;  // As it arrives.
  std::uint16_t window = 0;
  NumberRule sequence = NumberRule::Zero;  // To the probe's acknowledgment number.
  NumberRule ack = NumberRule::Next;       // To its sequence number.
  std::uint8_t flags = 0;
  bool sets_reserved = false;
  bool sets_urgent = false;
  // Timestamps among the options hold 1 where a number is to be, and 0 where 0.
  std::uint8_t options_size = 0;
  std::array<std::byte, kMostOptions> options{};
  std::uint8_t data_size = 0;
  std::array<std::byte, 4> data{};
};

// The port unreachable error for a closed UDP port.
struct UnreachableStyle {
  enum class Checksum : std::uint8_t { Good, Zero, Invalid };

  bool answers = false;
  bool df = false;
  std::uint8_t ttl = 64;
  std::uint16_t size = 56;   // Of the whole packet: the quoted header and eight bytes behind it.
  std::uint16_t unused = 0;  // The last two bytes of the ICMP header.
  std::optional<std::uint16_t> quoted_length;  // Instead of what came.
  std::optional<std::uint16_t> quoted_id;
  std::optional<std::uint16_t> quoted_udp_checksum;
  Checksum quoted_checksum = Checksum::Good;
  bool spoils_data = false;
};

enum class DfRule : std::uint8_t { Never, Always, Same, Opposite };  // To the request's.

struct EchoStyle {
  bool answers = false;
  DfRule df = DfRule::Never;
  std::uint8_t ttl = 64;
  std::optional<std::uint8_t> code;  // Instead of the request's.
  bool changes_code = false;         // To another than the request's, each its own.
};

// How IP identifiers of one kind of packet come about.
struct IdStyle {
  enum class Rule : std::uint8_t { Zero, Constant, Count, CountSwapped, RandomUp, Random };
  // Where a counter is when a round of probes begins, so that it does not wrap during it.
  enum class Zone : std::uint8_t { Low, High };

  Rule rule = Rule::Count;
  std::uint16_t constant = 0;
  std::uint8_t counter = 0;  // Packets with the same one count together.
};
inline constexpr std::size_t kIdCounters = 3;

// What a host answers to the probes of OS detection and to everything like them.
struct Personality {
  // The lines ECN and T2 to T7 behind the six SEQ probes.
  enum Segment : std::uint8_t { Seq1, Ecn = 6, T2, T3, T4, T5, T6, T7 };
  static constexpr std::size_t kSegments = 13;

  const osfp::OsEntry* entry = nullptr;
  std::array<SegmentStyle, kSegments> segments;
  // To a SYN of ordinary scanners and of connections; always answers.
  SegmentStyle open;
  SegmentStyle closed;
  UnreachableStyle unreachable;
  EchoStyle echo;
  IsnStyle isns;
  double stamp_hertz = 0;
  IdStyle open_ids;
  IdStyle closed_ids;
  IdStyle echo_ids;
  std::array<IdStyle::Zone, kIdCounters> zones{};
  std::uint8_t hops = 0;  // Routers between, which take one off the TTL each.
  std::uint64_t draw = 0;
};

// One value for each test of an entry, but for SP, GCD and ISR, which only numbers can tell.
struct DrawnValues {
  osfp::Fingerprint fingerprint;
  IsnWishes isns;  // Points into the database.
};

// Draws one of the alternatives of each test and any number of a range, so that they agree: the
// same expression for a TTL gives the same on all lines, TG suits T, timestamps are there when TS
// asks for them.
[[nodiscard]] DrawnValues draw_values(const osfp::OsDatabase& database, const osfp::OsEntry& entry,
                                      std::uint64_t draw);

// A host that is measured as `values` say, `hops` routers away (more where an initial TTL above 255
// asks for it). Tests without a value are as on most hosts; lines without one are not answered.
// Values that no packet can have are left at what is common.
[[nodiscard]] Personality make_personality(const DrawnValues& values, std::uint8_t hops,
                                           std::uint64_t draw);

}  // namespace trawl::simnet
