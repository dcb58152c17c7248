#pragma once

#include <cstddef>
#include <cstdint>

#include "osfp/active/probe.h"

namespace trawl::osfp {

// The TCP segments of the probes, which are the same over IPv4 and IPv6.
struct SegmentNumbers {
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint32_t sequence = 0;
  std::uint32_t ack = 0;
};
inline constexpr std::size_t kMostSegmentSize = 40;

// Writes the segment of a TCP probe, with 0 as its checksum, and returns its size. Needs a probe
// for which is_tcp() holds, and room for kMostSegmentSize bytes.
std::size_t write_segment(Probe probe, const SegmentNumbers& numbers, std::byte* out) noexcept;
// Whether the IPv4 packet of a TCP probe may not be fragmented.
[[nodiscard]] bool segment_sets_df(Probe probe) noexcept;

}  // namespace trawl::osfp
