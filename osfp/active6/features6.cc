#include "osfp/active6/features6.h"

#include <fmt/format.h>

#include <cassert>
#include <vector>

#include "dataplane/wire.h"

namespace trawl::osfp {
namespace {

namespace wire = dataplane::wire;

constexpr unsigned kTcpFlags = 12;
constexpr std::size_t kIcmpFeatures = 5;  // With those of IPv6.
constexpr std::size_t kTcpFeatures = 3 + 1 + kTcpFlags + 2 * kTcpOptions6 + 3;
constexpr std::uint8_t kEnd = 0;  // Kinds of options, RFC 9293 section 3.2...
constexpr std::uint8_t kNop = 1;
constexpr std::uint8_t kMss = 2;
constexpr std::uint8_t kScale = 3;   // ...RFC 7323 section 2.2...
constexpr std::uint8_t kSackOk = 4;  // ...and RFC 2018 section 2.

double original_hop_limit(std::uint8_t limit) noexcept {
  for (const unsigned common : {32U, 64U, 128U}) {
    if (limit <= common) return common;
  }
  return 255;
}

// In the order of their kinds; those that are cut off end the list.
void read_options(std::span<const std::byte> options, double* out) noexcept {
  double* const mss = out + 2 * kTcpOptions6;
  mss[1] = 0;
  for (std::size_t i = 0; !options.empty(); ++i) {
    const std::uint8_t kind = wire::read8(options.data());
    std::size_t length = 1;
    if (kind != kEnd && kind != kNop) {
      length = options.size() < 2 ? 0 : wire::read8(options.data() + 1);
      if (length < 2 || length > options.size()) return;
    }
    if (i < kTcpOptions6) {
      out[i] = kind;
      out[kTcpOptions6 + i] = static_cast<double>(length);
    }
    if (kind == kMss && length == 4 && mss[0] == kMissing)
      mss[0] = wire::read16(options.data() + 2);
    if (kind == kSackOk) mss[1] = 1;
    if (kind == kScale && length == 3 && mss[2] == kMissing)
      mss[2] = wire::read8(options.data() + 2);
    if (kind == kEnd) return;
    options = options.subspan(length);
  }
}

void read_tcp(std::span<const std::byte> segment, double* out) noexcept {
  if (segment.size() < wire::kTcpSize) return;
  const std::byte* const at = segment.data();
  const std::uint16_t bits = wire::read16(at + wire::kTcpOffset);
  const std::size_t header = (bits >> 12U) * 4U;
  *out++ = wire::read16(at + wire::kTcpWindow);
  for (unsigned i = 0; i < kTcpFlags; ++i) *out++ = bits >> i & 1U;
  if (header < wire::kTcpSize || header > segment.size()) return;
  read_options(segment.subspan(wire::kTcpSize, header - wire::kTcpSize), out);
}

void read_packet(Probe6 probe, std::span<const std::byte> packet, double* out) noexcept {
  if (packet.size() < wire::kIpv6Size) return;
  const std::byte* const at = packet.data();
  constexpr unsigned kClass = 20;
  out[0] = wire::read16(at + wire::kIpv6Length);
  out[1] = wire::read32(at) >> kClass & 0xffU;
  out[2] = original_hop_limit(wire::read8(at + wire::kIpv6HopLimit));
  const auto upper = upper_layer_of(packet);
  if (!upper || upper->offset >= packet.size()) return;
  const auto body = packet.subspan(upper->offset);
  if (is_tcp(probe) && upper->protocol == wire::kProtocolTcp) read_tcp(body, out + 3);
  if (!is_tcp(probe) && upper->protocol == wire::kProtocolIcmpv6 && body.size() >= 2) {
    out[3] = wire::read8(body.data());
    out[4] = wire::read8(body.data() + 1);
  }
}

// How fast initial sequence numbers grow, by the SYN-ACKs that came.
double isn_rate(const Fingerprint6& fingerprint) {
  struct Sample {
    std::uint32_t isn;
    double sent;
  };
  std::vector<Sample> samples;
  for (std::size_t i = 0; i < kSeqProbes; ++i) {
    const auto& line = fingerprint.lines[i];
    if (!line) continue;
    const auto upper = upper_layer_of(line->packet);
    if (!upper || upper->protocol != wire::kProtocolTcp ||
        line->packet.size() < upper->offset + wire::kTcpSize) {
      continue;
    }
    const std::byte* const at = line->packet.data() + upper->offset;
    samples.push_back({wire::read32(at + wire::kTcpSequence), line->sent});
  }
  constexpr double kLeastTime = 1e-3;
  if (samples.size() < 2 || samples.back().sent - samples.front().sent < kLeastTime) {
    return kMissing;
  }
  double grown = 0;
  for (std::size_t i = 1; i < samples.size(); ++i) grown += samples[i].isn - samples[i - 1].isn;
  return grown / (samples.back().sent - samples.front().sent);
}

constexpr std::size_t size_of(Probe6 probe) noexcept {
  return is_tcp(probe) ? kTcpFeatures : kIcmpFeatures;
}

std::string name_within(Probe6 probe, std::size_t index) {
  static constexpr const char* kIp[] = {"PLEN", "TC", "HLIM"};
  static constexpr const char* kIcmp[] = {"ICMPV6_TYPE", "ICMPV6_CODE"};
  static constexpr const char* kFlags[] = {"F", "S", "R",    "P",    "A",     "U",
                                           "E", "C", "RES8", "RES9", "RES10", "RES11"};
  static constexpr const char* kLast[] = {"TCP_MSS", "TCP_SACKOK", "TCP_WSCALE"};
  if (index < 3) return kIp[index];
  index -= 3;
  if (!is_tcp(probe)) return kIcmp[index];
  if (index-- == 0) return "TCP_WINDOW";
  if (index < kTcpFlags) return fmt::format("TCP_FLAG_{}", kFlags[index]);
  index -= kTcpFlags;
  if (index < kTcpOptions6) return fmt::format("TCP_OPT_{}", index);
  index -= kTcpOptions6;
  if (index < kTcpOptions6) return fmt::format("TCP_OPTLEN_{}", index);
  return kLast[index - kTcpOptions6];
}

}  // namespace

Features6 features_of(const Fingerprint6& fingerprint) {
  Features6 features;
  features.fill(kMissing);
  features[0] = isn_rate(fingerprint);
  std::size_t offset = 1;
  for (std::size_t i = 0; i < kProbes6; ++i) {
    const Probe6 probe = probe6_at(i);
    if (fingerprint.lines[i]) {
      read_packet(probe, fingerprint.lines[i]->packet, features.data() + offset);
    }
    offset += size_of(probe);
  }
  assert(offset == kFeatures6);
  return features;
}

std::string feature_name(std::size_t index) {
  if (index-- == 0) return "TCP_ISR";
  for (std::size_t i = 0; i < kProbes6; ++i) {
    const Probe6 probe = probe6_at(i);
    if (index < size_of(probe)) {
      return fmt::format("{}.{}", to_string(probe), name_within(probe, index));
    }
    index -= size_of(probe);
  }
  return {};
}

}  // namespace trawl::osfp
