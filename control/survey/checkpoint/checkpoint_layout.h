#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "base/ip.h"
#include "dataplane/sweep.h"

// What lies where in a checkpoint file. All numbers are little-endian.
//
//   0          Header, which tells the offsets of the rest
//   4096       plan section, never written again
//   live       LiveState, mapped and written as the survey goes on: right after a killed process
//   slots      two Slots, written in turn after everything they speak of is on the disk: right
//              after a power failure
//   ring       the last verdicts in full, until the outputs have them
//   journal    8 bytes for each verdict, to the end of the file
namespace trawl::control {

inline constexpr std::array<char, 8> kCheckpointMagic{'T', 'R', 'A', 'W', 'L', 'C', 'P', '\n'};
inline constexpr std::uint32_t kCheckpointVersion = 3;
inline constexpr std::size_t kCheckpointPage = 4096;
inline constexpr std::size_t kMostOutputs = 16;

struct CheckpointHeader {
  std::array<char, 8> magic{};
  std::uint32_t version = 0;
  std::uint32_t size = 0;  // Of this.
  std::uint64_t plan_size = 0;
  std::uint64_t plan_digest = 0;
  std::uint64_t live_offset = 0;
  std::uint64_t ring_offset = 0;
  std::uint64_t journal_offset = 0;
  std::uint64_t digest = 0;  // Of everything before.
};
static_assert(sizeof(CheckpointHeader) == 64);

// Marks come in pairs: the older one is overwritten, and its sequence number, written last, makes
// it the newer one. Whenever the process dies, one of the two is whole.
struct OutputMark {
  std::uint64_t sequence = 0;
  std::uint64_t journal = 0;  // Verdicts before this entry are in the outputs.
  std::uint64_t count = 0;
  struct Place {
    std::uint64_t bytes = 0;
    std::uint64_t records = 0;
  };
  std::array<Place, kMostOutputs> outputs{};
};

// Positions whose replies have all been taken, or will never come.
struct SettledMark {
  std::uint64_t sequence = 0;
  std::uint64_t sweep = 0;
  std::array<std::uint64_t, dataplane::kLanes> lanes{};
};

struct TotalsMark {
  std::uint64_t sequence = 0;
  std::uint64_t sent = 0;
  std::uint64_t repeats = 0;
  std::uint64_t replies = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t elapsed_ns = 0;
  std::uint64_t sending_ns = 0;
  std::uint64_t slowest_ns = 0;  // Round trip; 0 while too few are known.
};

// Ranges of the first sweep that lost too many probes.
struct DamageMark {
  static constexpr std::size_t kMost = 48;

  struct Range {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
  };
  std::uint64_t sequence = 0;
  std::uint64_t count = 0;
  std::array<Range, kMost> ranges{};
};

struct LiveState {
  std::array<char, 64> boot_id{};
  std::atomic<std::uint64_t> sweep{0};  // Its number; lanes[number % 2] are its own.
  std::atomic<std::uint64_t> journal{0};
  std::atomic<std::uint64_t> finished{0};
  std::array<std::uint64_t, 2> sweep_journal{};  // Entries when the sweep began, by number % 2.
  std::array<dataplane::Lanes, 2> lanes;
  std::array<OutputMark, 2> outputs{};
  std::array<SettledMark, 2> settled{};
  std::array<TotalsMark, 2> totals{};
  std::array<DamageMark, 2> damage{};
};
static_assert(std::is_standard_layout_v<LiveState> && sizeof(LiveState) <= 2 * kCheckpointPage);

struct Slot {
  std::uint64_t sequence = 0;
  std::uint64_t sweep = 0;
  std::uint64_t sweep_journal = 0;
  std::uint64_t finished = 0;
  OutputMark outputs;
  SettledMark settled;
  TotalsMark totals;
  DamageMark damage;
  std::uint64_t digest = 0;  // Of everything before.
};
static_assert(sizeof(Slot) <= kCheckpointPage && std::is_trivially_copyable_v<Slot>);

// A verdict that the outputs may not have yet.
struct RingEntry {
  std::int64_t time_us = 0;
  IpAddress ip;
  IpAddress from;
  IpAddress to;
  std::uint32_t rtt_us = 0;
  std::uint16_t port = 0;
  std::uint16_t to_port = 0;
  std::uint8_t state = 0;
  std::uint8_t reason = 0;
  std::uint8_t ttl = 0;
  std::uint8_t attempt = 0;
  std::uint8_t flags = 0;  // 1: repeat. 2: cooldown.
  std::uint8_t protocol = 0;
  std::uint8_t confidence = 0;  // Of the hint, with...
  std::uint8_t hops = 0;
  std::uint32_t name_digest = 0;
  std::uint16_t name = 0;
  std::uint16_t has_name = 0;
};
static_assert(sizeof(RingEntry) == 80 && std::is_trivially_copyable_v<RingEntry>);
inline constexpr std::uint64_t kRingEntries = 1U << 17U;

}  // namespace trawl::control
