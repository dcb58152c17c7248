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

// What the IPv4 header says, as quirks.
void note_ipv4(const dataplane::SynAckHead& head, SynAckFacts& facts) noexcept {
  constexpr std::uint16_t kReserved = 0x8000;
  constexpr std::uint16_t kDf = 0x4000;
  const bool has_df = (head.fragment & kDf) != 0;
  const bool has_id = head.ip_id != 0;
  facts.quirks.add_if(Quirk::DontFragment, has_df);
  facts.quirks.add_if(Quirk::IdWithDf, has_df && has_id);
  facts.quirks.add_if(Quirk::NoId, !has_df && !has_id);
  facts.quirks.add_if(Quirk::ReservedBit, (head.fragment & kReserved) != 0);
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
  dataplane::SynAckHead head;
  if (!dataplane::read_syn_ack_head(packet, head)) return std::nullopt;
  return facts_of(head);
}

SynAckFacts facts_of(const dataplane::SynAckHead& head) noexcept {
  SynAckFacts facts;
  facts.ip_version = head.ip_version;
  facts.ttl = head.ttl;
  facts.ip_options_size = head.ip_options_size;
  facts.window = head.window;
  facts.has_data = head.has_data;
  if (head.ip_version == 4) note_ipv4(head, facts);
  const bool has_nonce_sum = (head.offset & kNonceSum) != 0;
  facts.quirks.add_if(Quirk::Ecn, (head.traffic_class & kEcnBits) != 0 ||
                                      (head.flags & kEcnFlags) != 0 || has_nonce_sum);
  facts.quirks.add_if(Quirk::FlowLabel, head.has_flow_label);
  facts.quirks.add_if(Quirk::ReservedBit, (head.offset & kTcpReserved) != 0);
  facts.quirks.add_if(Quirk::ZeroSequence, head.is_sequence_zero);
  facts.quirks.add_if(Quirk::ZeroAck, head.is_ack_zero);
  const bool is_urgent = (head.flags & kUrg) != 0;
  facts.quirks.add_if(Quirk::StrayUrgent, !is_urgent && head.urgent_pointer != 0);
  facts.quirks.add_if(Quirk::Urgent, is_urgent);
  facts.quirks.add_if(Quirk::Push, (head.flags & wire::kPsh) != 0);
  const std::size_t options = std::min<std::size_t>(head.options_size, head.options.size());
  read_options(std::span{head.options}.first(options), facts);
  return facts;
}

}  // namespace trawl::osfp
