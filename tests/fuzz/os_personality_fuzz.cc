#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "bench/simnet/personality.h"
#include "bench/simnet/personality_reply.h"
#include "bench/simnet/personality_set.h"
#include "osfp/active/probe.h"

namespace trawl::simnet {
namespace {

constexpr std::size_t kBuffer = 2048;
constexpr std::size_t kMostEntries = 4;
constexpr Ipv4Address kScanner{0xc6120001};
constexpr Ipv4Address kHost{0xc6120002};

using Buffer = std::array<std::byte, kBuffer>;

void require(bool holds) {
  if (!holds) std::abort();
}

// A reply must be a frame that any receiver takes.
void check_reply(const Buffer& frame, std::size_t length) {
  if (length == 0) return;
  const std::byte* const ip = frame.data() + wire::kEthernetSize;
  require(length > wire::kEthernetSize + wire::kIpSize && length <= kBuffer);
  require(wire::read16(ip + wire::kIpLength) + wire::kEthernetSize == length);
  require(wire::checksum(ip, wire::kIpSize) == 0);
  const std::byte* const payload = ip + wire::kIpSize;
  const std::size_t size = length - wire::kEthernetSize - wire::kIpSize;
  if (wire::read8(ip + wire::kIpProtocol) == wire::kProtocolIcmp) {
    require(wire::checksum(payload, size) == 0);
    return;
  }
  require(tcp_checksum(kHost, kScanner, payload, size) == 0);
  require((wire::read8(payload + wire::kTcpOffset) >> 4U) * 4U <= size);
}

void answer_segment(const Personality& personality, const Buffer& frame, std::size_t length,
                    const Ipv4Frame& probe) {
  static const ProbeShapes shapes;
  const auto bytes = std::span<const std::byte>{frame}.first(length).subspan(wire::kEthernetSize +
                                                                             probe.header_size);
  const auto segment = parse_tcp(bytes);
  if (!segment) return;
  const auto shape = shapes.find(bytes);
  for (const bool is_open : {true, false}) {
    const SegmentStyle* const style = style_for(personality, shape, segment->flags, is_open);
    if (style == nullptr) continue;
    Buffer reply = frame;
    SegmentNumbers numbers;
    numbers.isn = shape && *shape < Personality::Ecn ? personality.isns.at(*shape, {}) : 7;
    numbers.stamp = stamp_at(personality, std::chrono::seconds{1});
    check_reply(reply, write_segment(reply, probe, *segment, *style, numbers, !shape));
  }
}

// `frame` holds an IPv4 packet of `length` bytes, Ethernet included.
void answer(const Personality& personality, const Buffer& frame, std::size_t length) {
  Ipv4Frame probe;
  if (parse_ipv4(std::span<const std::byte>{frame}.first(length), probe) != FrameError::None) {
    return;
  }
  probe.from = kScanner;
  probe.to = kHost;
  IdCounters counters{};
  settle_ids(personality, counters);
  const std::uint16_t id = next_id(personality.echo_ids, counters, personality.draw);
  Buffer reply = frame;
  check_reply(reply, write_echo(reply, probe, personality.echo, id));
  reply = frame;
  check_reply(reply,
              write_port_unreachable(reply, probe, personality.unreachable, personality.hops, id));
  answer_segment(personality, frame, probe.total_size + wire::kEthernetSize, probe);
}

void answer_probes(const Personality& personality) {
  osfp::ProbeSeries series;
  series.source = kScanner;
  series.destination = kHost;
  series.open_port = 80;
  for (std::size_t i = 0; i < osfp::kProbes; ++i) {
    Buffer frame{};
    const std::size_t size = osfp::write_probe(osfp::probe_at(i), series, {},
                                               std::span{frame}.subspan(wire::kEthernetSize));
    answer(personality, frame, wire::kEthernetSize + size);
  }
}

// Puts right the checksum that a fuzzer cannot guess.
void mend(Buffer& frame, std::size_t length) {
  std::byte* const ip = frame.data() + wire::kEthernetSize;
  const std::size_t header = (std::size_t{wire::read8(ip)} & 0x0fU) * 4;
  if (header < wire::kIpSize || wire::kEthernetSize + header > length) return;
  wire::write16(ip + wire::kIpChecksum, 0);
  wire::write16(ip + wire::kIpChecksum, wire::checksum(ip, header));
}

}  // namespace
}  // namespace trawl::simnet

// Up to the first zero byte a database, or the hosts of one; behind it an IPv4 packet.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trawl::simnet;
  const std::string_view all{reinterpret_cast<const char*>(data), size};
  const std::string_view text = all.substr(0, all.find('\0'));
  const std::string_view packet = all.substr(std::min(all.size(), text.size() + 1));
  (void)parse_personality_hosts(text, "hosts");
  Buffer frame{};
  const std::size_t length =
      wire::kEthernetSize + std::min(packet.size(), kBuffer - wire::kEthernetSize);
  std::memcpy(frame.data() + wire::kEthernetSize, packet.data(), length - wire::kEthernetSize);
  mend(frame, length);
  const auto database = trawl::osfp::parse_os_database(text, "fuzz");
  for (std::size_t i = 0; i < std::min(database.entries.size(), kMostEntries); ++i) {
    const auto values = draw_values(database, database.entries[i], size);
    const Personality personality =
        make_personality(values, static_cast<std::uint8_t>(size % 31), size);
    answer_probes(personality);
    answer(personality, frame, length);
  }
  return 0;
}
