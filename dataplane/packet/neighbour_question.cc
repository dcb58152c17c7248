#include <algorithm>
#include <cstring>

#include "dataplane/packet/craft.h"
#include "dataplane/wire.h"

namespace trawl::dataplane {
namespace {

using namespace wire;

void write_ethernet(std::byte* frame, std::uint64_t to, MacAddress from,
                    std::uint16_t type) noexcept {
  write_mac(frame, to);
  write_mac(frame + kEthernetSource, from.to_integer());
  write16(frame + kEthernetType, type);
}

std::size_t write_arp(const NeighbourQuestion& question, std::byte* frame) noexcept {
  write_ethernet(frame, MacAddress::broadcast().to_integer(), question.mac, kTypeArp);
  std::byte* const arp = frame + kEthernetSize;
  write32(arp, 0x00010800);  // Ethernet, IPv4,
  write16(arp + 4, 0x0604);  // with addresses of six and four bytes.
  write16(arp + kArpOperation, kArpRequest);
  write_mac(arp + kArpSenderMac, question.mac.to_integer());
  write32(arp + kArpSenderIp, question.who.v4().value());
  write_mac(arp + kArpTargetMac, 0);
  write32(arp + kArpTargetIp, question.asked.v4().value());
  return kEthernetSize + kArpSize;
}

std::size_t write_solicitation(const NeighbourQuestion& question,
                               std::span<std::byte> frame) noexcept {
  std::byte body[kNeighbourSize - kIcmpSize + kLinkAddressOption];
  store(body, in_frame(question.asked.v6()));
  std::byte* const option = body + kNeighbourSize - kIcmpSize;
  write8(option, kSourceLinkAddress);
  write8(option + 1, 1);
  write_mac(option + 2, question.mac.to_integer());
  // The solicited-node group of the address: RFC 4291 section 2.7.1.
  const Uint128 low = question.asked.v6().value() & 0xffffffU;
  const Uint128 group = Uint128{0xff02} << 112U | Uint128{0x1ff000000ULL} | low;
  const PacketSpec spec{.source = question.who,
                        .destination = Ipv6Address{group},
                        .ttl = kNeighbourHopLimit,
                        .options = {},
                        .what = IcmpMessage{.type = kNeighbourSolicitation, .data = body}};
  const std::size_t size = craft_packet(spec, frame.subspan(kEthernetSize));
  const auto group_mac = static_cast<std::uint64_t>(group & 0xffffffffU) | 0x333300000000ULL;
  write_ethernet(frame.data(), group_mac, question.mac, kTypeIpv6);
  return kEthernetSize + size;
}

}  // namespace

std::size_t write_neighbour_question(const NeighbourQuestion& question,
                                     std::span<std::byte> out) noexcept {
  constexpr std::size_t kNeeded = kEthernetSize + kIpv6Size + kNeighbourSize + kLinkAddressOption;
  if (out.size() < kNeeded) return 0;
  return question.asked.is_v4() ? write_arp(question, out.data())
                                : write_solicitation(question, out);
}

}  // namespace trawl::dataplane
