#include "osfp/active/segment.h"

#include <array>
#include <cstring>

#include "dataplane/wire.h"

namespace trawl::osfp {
namespace {

namespace wire = dataplane::wire;

constexpr std::size_t kUrgent = 18;  // The urgent pointer, RFC 9293 section 3.1.
constexpr std::uint8_t kUrg = 0x20;
constexpr std::uint8_t kEce = 0x40;  // RFC 3168 section 6.1.
constexpr std::uint8_t kCwr = 0x80;
constexpr std::uint8_t kReservedBit = 0x08;  // The one next to CWR.
constexpr std::uint16_t kEcnUrgent = 0xf7f5;
constexpr std::size_t kMostOptions = 20;

struct SegmentShape {
  std::uint8_t flags;
  std::uint16_t window;
  bool df;
  std::uint8_t options_size;
  std::array<std::uint8_t, kMostOptions> options;
};

// NOLINTBEGIN(*-magic-numbers): option kinds, lengths and values as they lie in the segment.
constexpr SegmentShape kShapes[] = {
    // SEQ 1 to 6.
    {wire::kSyn, 1, false, 20, {3,   3,   10,  1,   2, 4, 0x05, 0xb4, 8, 10,
                                255, 255, 255, 255, 0, 0, 0,    0,    4, 2}},
    {wire::kSyn, 63, false, 20, {2,  4,   0x05, 0x78, 3,   3, 0, 4, 2, 8,
                                 10, 255, 255,  255,  255, 0, 0, 0, 0, 0}},
    {wire::kSyn, 4, false, 20, {8, 10, 255, 255, 255, 255, 0, 0, 0,    0,
                                1, 1,  3,   3,   5,   1,   2, 4, 0x02, 0x80}},
    {wire::kSyn, 4, false, 16, {4, 2, 8, 10, 255, 255, 255, 255, 0, 0, 0, 0, 3, 3, 10, 0}},
    {wire::kSyn, 16, false, 20, {2,   4,   0x02, 0x18, 4, 2, 8, 10, 255, 255,
                                 255, 255, 0,    0,    0, 0, 3, 3,  10,  0}},
    {wire::kSyn, 512, false, 16, {2, 4, 0x01, 0x09, 4, 2, 8, 10, 255, 255, 255, 255, 0, 0, 0, 0}},
    // ECN.
    {wire::kSyn | kEce | kCwr, 3, false, 12, {3, 3, 10, 1, 2, 4, 0x05, 0xb4, 4, 2, 1, 1}},
    // T2 to T7.
    {0, 128, true, 20, {3,   3,   10,  1,   2, 4, 0x01, 0x09, 8, 10,
                        255, 255, 255, 255, 0, 0, 0,    0,    4, 2}},
    {wire::kSyn | wire::kFin | kUrg | wire::kPsh, 256, false, 20, {3,    3, 10, 1,   2,   4,   0x01,
                                                                   0x09, 8, 10, 255, 255, 255, 255,
                                                                   0,    0, 0,  0,   4,   2}},
    {wire::kAck, 1024, true, 20, {3,   3,   10,  1,   2, 4, 0x01, 0x09, 8, 10,
                                  255, 255, 255, 255, 0, 0, 0,    0,    4, 2}},
    {wire::kSyn, 31337, false, 20, {3,   3,   10,  1,   2, 4, 0x01, 0x09, 8, 10,
                                    255, 255, 255, 255, 0, 0, 0,    0,    4, 2}},
    {wire::kAck, 32768, true, 20, {3,   3,   10,  1,   2, 4, 0x01, 0x09, 8, 10,
                                   255, 255, 255, 255, 0, 0, 0,    0,    4, 2}},
    {wire::kFin | wire::kPsh | kUrg, 65535, false, 20, {3,    3, 15, 1,   2,   4,   0x01,
                                                        0x09, 8, 10, 255, 255, 255, 255,
                                                        0,    0, 0,  0,   4,   2}},
};
// NOLINTEND(*-magic-numbers)

const SegmentShape& shape_of(Probe probe) noexcept {
  const std::size_t index = index_of(probe);
  return kShapes[is_seq(probe) ? index : index - index_of(Probe::Ecn) + kSeqProbes];
}

}  // namespace

std::size_t write_segment(Probe probe, const SegmentNumbers& numbers, std::byte* out) noexcept {
  const SegmentShape& shape = shape_of(probe);
  const std::size_t size = wire::kTcpSize + shape.options_size;
  wire::write16(out + wire::kTcpSourcePort, numbers.source_port);
  wire::write16(out + wire::kTcpDestinationPort, numbers.destination_port);
  wire::write32(out + wire::kTcpSequence, numbers.sequence);
  wire::write32(out + wire::kTcpAck, numbers.ack);
  const auto reserved = probe == Probe::Ecn ? kReservedBit : std::uint8_t{0};
  wire::write8(out + wire::kTcpOffset, static_cast<std::uint8_t>(size / 4 << 4U | reserved));
  wire::write8(out + wire::kTcpFlags, shape.flags);
  wire::write16(out + wire::kTcpWindow, shape.window);
  wire::write16(out + wire::kTcpChecksum, 0);
  wire::write16(out + kUrgent, probe == Probe::Ecn ? kEcnUrgent : std::uint16_t{0});
  std::memcpy(out + wire::kTcpSize, shape.options.data(), shape.options_size);
  return size;
}

bool segment_sets_df(Probe probe) noexcept { return shape_of(probe).df; }

}  // namespace trawl::osfp
