#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bench/simnet/frame.h"
#include "bench/simnet/personality.h"

namespace trawl::simnet {

// The IP identifiers that a host has used up. Starts as zeros.
struct IdCounters {
  std::array<std::uint16_t, kIdCounters> values;
  std::uint16_t is_started;
};

// Tells the probes of OS detection from other segments, by flags, window and options, which are
// the same whoever sends them.
//
// Thread: immutable once made.
class ProbeShapes {
 public:
  ProbeShapes();
  // nullopt for what is none of the thirteen. Needs a whole segment.
  [[nodiscard]] std::optional<Personality::Segment> find(
      std::span<const std::byte> segment) const noexcept;

 private:
  struct Shape {
    std::uint8_t flags = 0;
    std::uint16_t window = 0;
    std::vector<std::byte> options;
  };
  std::array<Shape, Personality::kSegments> shapes_;
};

// How `personality` answers a segment to an open or a closed port: a probe as its line says, and
// others like the probe that is most like them. nullptr for silence. Resets are never answered.
[[nodiscard]] const SegmentStyle* style_for(const Personality& personality,
                                            std::optional<Personality::Segment> probe,
                                            std::uint8_t flags, bool is_open) noexcept;

// The next identifier of packets with this style.
[[nodiscard]] std::uint16_t next_id(const IdStyle& style, IdCounters& counters,
                                    std::uint64_t draw) noexcept;
// At the start of a round of probes: moves counters that would soon wrap, or be on the wrong side
// of another.
void settle_ids(const Personality& personality, IdCounters& counters) noexcept;

// What a segment's answer has that its style does not tell.
struct SegmentNumbers {
  std::uint16_t ip_id = 0;
  std::uint32_t isn = 0;    // NumberRule::Other.
  std::uint32_t other = 0;  // The same for acknowledgment numbers.
  std::uint32_t stamp = 0;
};

// Writers of replies as those of frame.h: they return the size of the frame, 0 where `buffer` is
// too small.
//
// With `offers_only`, options that the SYN in `request` does not offer are left out.
[[nodiscard]] std::size_t write_segment(std::span<std::byte> buffer, const Ipv4Frame& probe,
                                        const TcpSegment& request, const SegmentStyle& style,
                                        const SegmentNumbers& numbers, bool offers_only) noexcept;
// Need the probe still in `buffer`.
[[nodiscard]] std::size_t write_port_unreachable(std::span<std::byte> buffer,
                                                 const Ipv4Frame& probe,
                                                 const UnreachableStyle& style, std::uint8_t hops,
                                                 std::uint16_t ip_id) noexcept;
// Needs an echo request.
[[nodiscard]] std::size_t write_echo(std::span<std::byte> buffer, const Ipv4Frame& probe,
                                     const EchoStyle& style, std::uint16_t ip_id) noexcept;

// The timestamp clock of a host; never 0.
[[nodiscard]] std::uint32_t stamp_at(const Personality& personality,
                                     std::chrono::nanoseconds now) noexcept;

}  // namespace trawl::simnet
