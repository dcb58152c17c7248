#include "dataplane/internal/neighbour_frame.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace trawl::dataplane::internal {
namespace {

constexpr Ipv6Address kAllNodes{Uint128{0xff02} << 112U | 1U};  // ff02::1
constexpr unsigned kOptionUnit = 8;                             // Options count their size in it.

constexpr bool is_multicast(Ipv6Address address) noexcept {
  return address.value() >> 120U == 0xff;
}

// ff02::1:ff00:0/104 and the lower 24 bits (RFC 4291 section 2.7.1).
constexpr Ipv6Address group_of(Ipv6Address address) noexcept {
  constexpr Uint128 kGroup = Uint128{0xff02} << 112U | Uint128{0x1ff} << 24U;
  return Ipv6Address{kGroup | (address.value() & 0xffffffU)};
}

// RFC 2464 section 7.
MacAddress mac_of_group(Ipv6Address group) noexcept {
  constexpr std::uint64_t kGroups = std::uint64_t{0x3333} << 32U;
  return MacAddress::from_integer(kGroups | static_cast<std::uint32_t>(group.value()));
}

std::uint16_t checksum_of(std::span<const std::byte> message, Ipv6Address from,
                          Ipv6Address to) noexcept {
  wire::ChecksumPart sum = wire::ChecksumPart::over(message.data(), message.size());
  sum.add(wire::in_frame(from));
  sum.add(wire::in_frame(to));
  sum.add(wire::swap16(wire::kProtocolIcmpv6));
  sum.add(wire::swap16(static_cast<std::uint16_t>(message.size())));
  return sum.finish();
}

struct Message {
  std::uint8_t type = 0;
  std::uint32_t flags = 0;
  Ipv6Address from;
  Ipv6Address to;
  Ipv6Address about;
};

// Writes a whole frame; the option has the type that goes with that of the message.
void write_frame(std::span<std::byte> frame, MacAddress to_mac, MacAddress mac,
                 const Message& message, VlanId vlan) noexcept {
  constexpr std::size_t kSize = wire::kNeighbourSize + wire::kLinkAddressOption;
  const bool asks = message.type == wire::kNeighbourSolicitation;
  std::fill_n(frame.begin(), kNeighbourFrameSize + vlan.tag_size(), std::byte{0});
  std::byte* const start = frame.data();
  wire::write_mac(start, to_mac.to_integer());
  wire::write_mac(start + wire::kEthernetSource, mac.to_integer());
  if (vlan.tagged()) {
    wire::write16(start + wire::kEthernetType, wire::kTypeVlan);
    wire::write16(start + wire::kVlanTag, vlan.id());
  }
  std::byte* const ip = start + wire::kEthernetSize + vlan.tag_size();
  wire::write16(ip - 2, wire::kTypeIpv6);
  wire::write8(ip, 6U << 4U);
  wire::write16(ip + wire::kIpv6Length, kSize);
  wire::write8(ip + wire::kIpv6NextHeader, wire::kProtocolIcmpv6);
  wire::write8(ip + wire::kIpv6HopLimit, wire::kNeighbourHopLimit);
  wire::store(ip + wire::kIpv6Source, wire::in_frame(message.from));
  wire::store(ip + wire::kIpv6Destination, wire::in_frame(message.to));
  std::byte* const icmp = ip + wire::kIpv6Size;
  wire::write8(icmp, message.type);
  wire::write32(icmp + wire::kIcmpId, message.flags);
  wire::store(icmp + wire::kNeighbourTarget, wire::in_frame(message.about));
  std::byte* const option = icmp + wire::kNeighbourSize;
  wire::write8(option, asks ? wire::kSourceLinkAddress : wire::kTargetLinkAddress);
  wire::write8(option + 1, wire::kLinkAddressOption / kOptionUnit);
  wire::write_mac(option + 2, mac.to_integer());
  wire::store(icmp + wire::kIcmpChecksum, checksum_of({icmp, kSize}, message.from, message.to));
}

// The Ethernet address in the option of `type`, 0 when there is none; nullopt when the options are
// malformed.
std::optional<std::uint64_t> link_address(std::span<const std::byte> options,
                                          std::uint8_t type) noexcept {
  std::uint64_t found = 0;
  while (!options.empty()) {
    if (options.size() < kOptionUnit) return std::nullopt;
    const std::size_t size = std::size_t{wire::read8(options.data() + 1)} * kOptionUnit;
    if (size == 0 || size > options.size()) return std::nullopt;
    const bool wanted =
        wire::read8(options.data()) == type && size == wire::kLinkAddressOption && found == 0;
    if (wanted) found = wire::read_mac(options.data() + 2);
    options = options.subspan(size);
  }
  return found;
}

bool is_group_mac(std::uint64_t mac) noexcept { return (mac >> 40U & 1U) != 0; }

}  // namespace

void write_neighbour_request(std::span<std::byte> frame, MacAddress mac, Ipv6Address source,
                             Ipv6Address wanted, VlanId vlan) noexcept {
  const Ipv6Address group = group_of(wanted);
  write_frame(frame, mac_of_group(group), mac,
              {.type = wire::kNeighbourSolicitation, .from = source, .to = group, .about = wanted},
              vlan);
}

NeighbourOutcome handle_neighbour(std::span<const std::byte> frame, MacAddress mac,
                                  const SourceAddresses6& sources, Neighbours6& neighbours,
                                  std::span<std::byte, kMostNeighbourFrame> answer,
                                  VlanId vlan) noexcept {
  constexpr std::uint32_t kSolicited = 0x40000000;
  constexpr std::uint32_t kOverride = 0x20000000;
  const std::size_t ethernet = wire::kEthernetSize + vlan.tag_size();
  if (frame.size() < ethernet + wire::kIpv6Size) return NeighbourOutcome::Nothing;
  const auto packet = frame.subspan(ethernet);
  const std::size_t length = wire::read16(packet.data() + wire::kIpv6Length);
  if (length < wire::kNeighbourSize || length > packet.size() - wire::kIpv6Size ||
      wire::read8(packet.data() + wire::kIpv6HopLimit) != wire::kNeighbourHopLimit) {
    return NeighbourOutcome::Nothing;
  }
  const Ipv6Address from = wire::read_ipv6(packet.data() + wire::kIpv6Source);
  const Ipv6Address to = wire::read_ipv6(packet.data() + wire::kIpv6Destination);
  const auto message = packet.subspan(wire::kIpv6Size, length);
  const Ipv6Address about = wire::read_ipv6(message.data() + wire::kNeighbourTarget);
  if (wire::read8(message.data() + 1) != 0 || is_multicast(about) || sources.contains(from) ||
      checksum_of(message, from, to) != 0) {
    return NeighbourOutcome::Nothing;
  }
  const bool asks = wire::read8(message.data()) == wire::kNeighbourSolicitation;
  const auto said = link_address(message.subspan(wire::kNeighbourSize),
                                 asks ? wire::kSourceLinkAddress : wire::kTargetLinkAddress);
  if (!said || is_group_mac(*said)) return NeighbourOutcome::Nothing;
  if (!asks) {
    if (*said == 0 || sources.contains(about)) return NeighbourOutcome::Nothing;
    neighbours.learn(about, MacAddress::from_integer(*said));
    return NeighbourOutcome::Learnt;
  }
  if (!sources.contains(about)) return NeighbourOutcome::Nothing;
  // Whoever has no address yet and asks for ours is told together with everybody (section 7.2.4).
  const bool nameless = from == Ipv6Address{};
  if (nameless && *said != 0) return NeighbourOutcome::Nothing;
  const std::uint64_t asker = wire::read_mac(frame.data() + wire::kEthernetSource);
  const MacAddress to_mac =
      nameless ? mac_of_group(kAllNodes) : MacAddress::from_integer(*said != 0 ? *said : asker);
  write_frame(answer, to_mac, mac,
              {.type = wire::kNeighbourAdvertisement,
               .flags = nameless ? kOverride : kSolicited | kOverride,
               .from = about,
               .to = nameless ? kAllNodes : from,
               .about = about},
              vlan);
  return NeighbourOutcome::AnswerWritten;
}

}  // namespace trawl::dataplane::internal
