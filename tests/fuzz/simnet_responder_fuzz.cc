#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "bench/simnet/frame.h"
#include "bench/simnet/responder.h"
#include "bench/simnet/router.h"

namespace trawl::simnet {
namespace {

constexpr std::uint64_t kRouterMac = 0x020000000002;
constexpr std::size_t kLargestFrame = 1600;
constexpr std::size_t kBuffer = 2048;

// A population in which every kind of address is common.
const Population& population() {
  static const Population instance = [] {
    PopulationOptions options;
    options.live = 0.5;
    options.unreachable = 0.5;
    options.open_default = 0.5;
    options.limited = 0.5;
    options.limited_rate = PacketsPerSecond{1000};
    options.forward = {*Ipv4Prefix::parse("198.19.0.0/24")};
    options.uplink_address = Ipv4Address::parse("198.19.0.1");
    options.udp_open_default = 0.5;
    options.udp_drop = 0.2;
    options.host_icmp_rate = {PacketsPerSecond{1000}, 10};
    options.network_rate = {PacketsPerSecond{1e6}, 100};
    options.way_in.bursts = {.mean = 0.1, .bad_spell = std::chrono::seconds{1}};
    options.way_in.bottleneck = {.per_second = 1e6, .queue = 100, .burst = 1};
    options.way_out = options.way_in;
    options.storm = {
        .share = 0.5, .most = 10, .spacing = std::chrono::milliseconds{1}, .timers = 64};
    options.reset_first = {0.5, std::chrono::milliseconds{1}, std::chrono::milliseconds{2}};
    options.forged = 0.5;
    options.prefix6 = Ipv6Prefix::parse("2001:db8::/32");
    options.live6 = 64;
    options.arp_all = true;
    return Population::make(options).value();
  }();
  return instance;
}

void require(bool holds) {
  if (!holds) std::abort();
}

// A reply must be a frame that any receiver takes.
void check_reply(const std::byte* frame, std::size_t length) {
  require(length >= wire::kEthernetSize + wire::kIpSize && length <= kBuffer);
  if (wire::read16(frame + 12) == wire::kTypeArp) return;
  if (wire::read16(frame + 12) == wire::kTypeIpv6) {
    const auto packet = parse_ipv6({frame, length});
    require(packet && kIpv6Payload + packet->payload_size == length);
    require(checksum6(packet->protocol, packet->from, packet->to, frame + kIpv6Payload,
                      packet->payload_size) == 0);
    return;
  }
  const std::byte* const ip = frame + wire::kEthernetSize;
  const std::size_t total = wire::read16(ip + 2);
  require(total + wire::kEthernetSize == length && wire::checksum(ip, wire::kIpSize) == 0);
  const std::size_t size = total - wire::kIpSize;
  const std::uint8_t protocol = wire::read8(ip + 9);
  if (protocol == wire::kProtocolIcmp) {
    require(wire::checksum(ip + wire::kIpSize, size) == 0);
  } else {
    require(transport_checksum(protocol, Ipv4Address{wire::read32(ip + 12)},
                               Ipv4Address{wire::read32(ip + 16)}, ip + wire::kIpSize, size) == 0);
  }
}

void mend6(std::byte* frame, std::size_t length) {
  const auto packet = parse_ipv6({frame, length});
  if (!packet) return;
  wire::write_mac(frame, kRouterMac);
  const auto hosts = population().ipv6_hosts().addresses();
  const Ipv6Address to = hosts[static_cast<std::size_t>(packet->to.value()) % hosts.size()];
  for (unsigned i = 0; i < 4; ++i) {
    wire::write32(frame + wire::kEthernetSize + wire::kIpv6Destination + std::size_t{4} * i,
                  static_cast<std::uint32_t>(to.value() >> (96 - 32 * i)));
  }
  const std::size_t at = packet->protocol == wire::kProtocolTcp ? 16U : 2U;
  if (packet->payload_size < at + 2) return;
  std::byte* const payload = frame + kIpv6Payload;
  wire::write16(payload + at, 0);
  wire::write16(payload + at,
                checksum6(packet->protocol, packet->from, to, payload, packet->payload_size));
}

// Mends what the fuzzer cannot guess, checksums and destination, so that inputs reach the parsers
// behind those checks.
void mend(std::byte* frame, std::size_t length) {
  if (length >= wire::kEthernetSize && wire::read16(frame + 12) == wire::kTypeIpv6) {
    mend6(frame, length);
    return;
  }
  constexpr std::size_t kHeaders = wire::kEthernetSize + wire::kIpSize;
  if (length < kHeaders || wire::read16(frame + 12) != wire::kTypeIpv4) return;
  wire::write_mac(frame, kRouterMac);
  std::byte* const ip = frame + wire::kEthernetSize;
  const std::size_t header = (std::size_t{wire::read8(ip)} & 0x0fU) * 4;
  if (header < wire::kIpSize || wire::kEthernetSize + header > length) return;
  wire::write32(ip + 16, 0xc6120000 | (wire::read32(ip + 16) & 0x1ffffU));
  wire::write16(ip + 10, 0);
  wire::write16(ip + 10, wire::checksum(ip, header));
  const std::size_t total = wire::read16(ip + 2);
  if (total < header + wire::kUdpSize || wire::kEthernetSize + total > length) return;
  std::byte* const l4 = ip + header;
  const std::uint8_t protocol = wire::read8(ip + 9);
  std::size_t at = protocol == wire::kProtocolTcp ? 16U : 6U;
  if (protocol == wire::kProtocolIcmp) at = 2;
  if (total - header < at + 2) return;
  wire::write16(l4 + at, 0);
  const std::uint16_t sum =
      protocol == wire::kProtocolIcmp
          ? wire::checksum(l4, total - header)
          : transport_checksum(protocol, Ipv4Address{wire::read32(ip + 12)},
                               Ipv4Address{wire::read32(ip + 16)}, l4, total - header);
  wire::write16(l4 + at, sum);
}

void answer(const std::array<std::byte, kBuffer>& frame, std::size_t length) {
  Counters counters;
  Responder responder =
      Responder::make(population(), MacAddress::from_integer(kRouterMac), counters).value();
  Router router{{MacAddress::from_integer(kRouterMac), MacAddress::from_integer(kRouterMac),
                 *population().options().uplink_address},
                counters};
  std::array<std::byte, kBuffer> buffer = frame;
  const Answer answer = responder.answer(buffer, length, std::chrono::seconds{1});
  if (answer.action == Action::Reply) check_reply(buffer.data(), answer.length);
  for (const int seconds : {2, 3}) {
    while (const auto emitted = responder.emit(buffer, std::chrono::seconds{seconds})) {
      if (emitted->action == Action::Reply) check_reply(buffer.data(), emitted->length);
    }
  }
  while (responder.forger().owed(1) > 0)
    check_reply(buffer.data(), responder.forger().write(buffer));
  buffer = frame;
  if (answer.action == Action::Forward) {
    (void)router.from_scanner(std::span{buffer}.first(answer.length), {});
    (void)router.next_output(buffer, {});
  }
  buffer = frame;
  std::size_t left = length;
  if (router.from_uplink(buffer, left) != Route::Done) require(left <= kBuffer);
}

}  // namespace
}  // namespace trawl::simnet

// The first byte chooses whether checksums are mended; the rest is a frame.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trawl::simnet;
  if (size == 0 || size > kLargestFrame) return 0;
  std::array<std::byte, kBuffer> frame{};
  std::memcpy(frame.data(), data + 1, size - 1);
  if ((data[0] & 1U) != 0) mend(frame.data(), size - 1);
  answer(frame, size - 1);
  return 0;
}
