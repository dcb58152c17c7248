#include "osfp/passive/syn_ack.h"

#include <algorithm>
#include <array>

#include "dataplane/wire.h"

namespace trawl::osfp {
namespace {

namespace wire = dataplane::wire;

constexpr std::array<std::string_view, kQuirks> kNames{
    "df",    "id+",   "id-",    "ecn",  "0+",   "flow", "seq-", "ack+", "ack-",
    "uptr+", "urgf+", "pushf+", "ts1-", "ts2+", "opt+", "exws", "bad"};

constexpr std::uint8_t kUrg = 0x20;
constexpr std::uint8_t kEcnFlags = 0xc0;  // CWR and ECE, RFC 3168 section 6.1.
constexpr std::uint8_t kEcnBits = 0x03;   // Of the traffic class, section 5.
constexpr std::uint8_t kNonceSum = 0x01;  // RFC 3540, in the byte of the data offset.
constexpr std::uint8_t kTcpReserved = 0x0e;
constexpr std::uint8_t kLargestScale = 14;
constexpr std::size_t kTcpUrgentPointer = 18;

// Fills in what the IPv4 header says; the segment, empty when there is none.
std::span<const std::byte> read_ipv4(std::span<const std::byte> packet,
                                     SynAckFacts& facts) noexcept {
  constexpr std::uint16_t kReserved = 0x8000;
  constexpr std::uint16_t kDf = 0x4000;
  const std::byte* const at = packet.data();
  if (packet.size() < wire::kIpSize) return {};
  const std::size_t header = std::size_t{4} * (wire::read8(at) & 0x0fU);
  const std::size_t length = wire::read16(at + wire::kIpLength);
  const std::uint16_t fragment = wire::read16(at + wire::kIpFragment);
  if (header < wire::kIpSize || length < header || length > packet.size()) return {};
  if (wire::read8(at + wire::kIpProtocol) != wire::kProtocolTcp) return {};
  if ((fragment & ~(kReserved | kDf)) != 0) return {};

  facts.ip_version = 4;
  facts.ttl = wire::read8(at + wire::kIpTtl);
  facts.ip_options_size = static_cast<std::uint8_t>(header - wire::kIpSize);
  const bool has_df = (fragment & kDf) != 0;
  const bool has_id = wire::read16(at + wire::kIpId) != 0;
  facts.quirks.add_if(Quirk::DontFragment, has_df);
  facts.quirks.add_if(Quirk::IdWithDf, has_df && has_id);
  facts.quirks.add_if(Quirk::NoId, !has_df && !has_id);
  facts.quirks.add_if(Quirk::ReservedBit, (fragment & kReserved) != 0);
  facts.quirks.add_if(Quirk::Ecn, (wire::read8(at + 1) & kEcnBits) != 0);
  return packet.subspan(header, length - header);
}

std::span<const std::byte> read_ipv6(std::span<const std::byte> packet,
                                     SynAckFacts& facts) noexcept {
  constexpr std::uint32_t kLabel = 0xfffff;
  constexpr unsigned kTrafficClass = 20;
  const std::byte* const at = packet.data();
  if (packet.size() < wire::kIpv6Size) return {};
  const std::size_t length = wire::read16(at + wire::kIpv6Length);
  if (length > packet.size() - wire::kIpv6Size) return {};
  if (wire::read8(at + wire::kIpv6NextHeader) != wire::kProtocolTcp) return {};

  const std::uint32_t start = wire::read32(at);
  facts.ip_version = 6;
  facts.ttl = wire::read8(at + wire::kIpv6HopLimit);
  facts.quirks.add_if(Quirk::FlowLabel, (start & kLabel) != 0);
  facts.quirks.add_if(Quirk::Ecn, ((start >> kTrafficClass) & kEcnBits) != 0);
  return packet.subspan(wire::kIpv6Size, length);
}

// The size of the option of this kind; 0 where any from two on is right.
constexpr std::size_t right_size(std::uint8_t kind) noexcept {
  switch (kind) {
    case OptionLayout::kMss: return 4;
    case OptionLayout::kScale: return 3;
    case OptionLayout::kSackPermitted: return 2;
    case OptionLayout::kTimestamps: return 10;
    default: return 0;
  }
}

void note_value(const std::byte* option, SynAckFacts& facts) noexcept {
  switch (wire::read8(option)) {
    case OptionLayout::kMss: facts.mss = wire::read16(option + 2); break;
    case OptionLayout::kScale:
      facts.scale = wire::read8(option + 2);
      facts.quirks.add_if(Quirk::ExcessiveScale, facts.scale > kLargestScale);
      break;
    case OptionLayout::kTimestamps:
      facts.has_stamp = true;
      facts.stamp = wire::read32(option + 2);
      facts.quirks.add_if(Quirk::ZeroStamp, facts.stamp == 0);
      break;
    default:  // Its presence says all.
      break;
  }
}

void read_options(std::span<const std::byte> rest, SynAckFacts& facts) noexcept {
  while (!rest.empty()) {
    const std::uint8_t kind = wire::read8(rest.data());
    if (kind == OptionLayout::kEnd) {
      const auto padding = rest.subspan(1);
      facts.layout.end(static_cast<std::uint8_t>(padding.size()));
      const auto is_zero = [](std::byte b) { return b == std::byte{0}; };
      facts.quirks.add_if(Quirk::OptionTrailer, !std::ranges::all_of(padding, is_zero));
      return;
    }
    std::size_t size = 1;
    if (kind != OptionLayout::kNop) {
      size = rest.size() < 2 ? 0 : wire::read8(rest.data() + 1);
      const std::size_t right = right_size(kind);
      if (size < 2 || size > rest.size() || (right != 0 && size != right)) {
        facts.quirks.add(Quirk::MalformedOptions);
        return;
      }
      note_value(rest.data(), facts);
    }
    facts.layout.add(kind);
    rest = rest.subspan(size);
  }
}

}  // namespace

std::string_view to_string(Quirk quirk) noexcept { return kNames[static_cast<std::size_t>(quirk)]; }

std::optional<Quirk> find_quirk(std::string_view name) noexcept {
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Quirk>(found - kNames.begin());
}

std::optional<SynAckFacts> read_syn_ack(std::span<const std::byte> packet) noexcept {
  if (packet.empty()) return std::nullopt;
  SynAckFacts facts;
  std::span<const std::byte> segment;
  const unsigned version = wire::read8(packet.data()) >> 4U;
  if (version == 4) segment = read_ipv4(packet, facts);
  if (version == 6) segment = read_ipv6(packet, facts);
  if (segment.size() < wire::kTcpSize) return std::nullopt;

  const std::byte* const at = segment.data();
  const std::uint8_t flags = wire::read8(at + wire::kTcpFlags);
  constexpr std::uint8_t kMustBe = wire::kSyn | wire::kAck | wire::kRst | wire::kFin;
  if ((flags & kMustBe) != (wire::kSyn | wire::kAck)) return std::nullopt;
  const std::uint8_t offset = wire::read8(at + wire::kTcpOffset);
  const std::size_t header = std::size_t{4} * (offset >> 4U);
  if (header < wire::kTcpSize || header > segment.size()) return std::nullopt;

  facts.window = wire::read16(at + wire::kTcpWindow);
  facts.has_data = segment.size() > header;
  const bool has_pointer = wire::read16(at + kTcpUrgentPointer) != 0;
  facts.quirks.add_if(Quirk::Ecn, (flags & kEcnFlags) != 0 || (offset & kNonceSum) != 0);
  facts.quirks.add_if(Quirk::ReservedBit, (offset & kTcpReserved) != 0);
  facts.quirks.add_if(Quirk::ZeroSequence, wire::read32(at + wire::kTcpSequence) == 0);
  facts.quirks.add_if(Quirk::ZeroAck, wire::read32(at + wire::kTcpAck) == 0);
  facts.quirks.add_if(Quirk::StrayUrgent, (flags & kUrg) == 0 && has_pointer);
  facts.quirks.add_if(Quirk::Urgent, (flags & kUrg) != 0);
  facts.quirks.add_if(Quirk::Push, (flags & wire::kPsh) != 0);
  read_options(segment.subspan(wire::kTcpSize, header - wire::kTcpSize), facts);
  return facts;
}

}  // namespace trawl::osfp
