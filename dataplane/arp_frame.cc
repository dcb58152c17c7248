#include "dataplane/internal/arp_frame.h"

#include <algorithm>
#include <cstring>

#include "dataplane/wire.h"

namespace trawl::dataplane::internal {
namespace {

MacAddress read_mac(const std::byte* at) noexcept {
  MacAddress::Bytes bytes;
  std::memcpy(bytes.data(), at, bytes.size());
  return MacAddress{bytes};
}

void write_mac(std::byte* at, MacAddress mac) noexcept {
  std::memcpy(at, mac.bytes().data(), mac.bytes().size());
}

}  // namespace

void write_arp_request(std::span<std::byte> frame, MacAddress mac, Ipv4Address source,
                       Ipv4Address wanted, VlanId vlan) noexcept {
  std::fill_n(frame.begin(), kArpFrameSize, std::byte{0});
  write_mac(frame.data(), MacAddress::broadcast());
  write_mac(frame.data() + wire::kEthernetSource, mac);
  if (vlan.tagged()) {
    wire::write16(frame.data() + wire::kEthernetType, wire::kTypeVlan);
    wire::write16(frame.data() + wire::kVlanTag, vlan.id());
  }
  std::byte* const arp = frame.data() + wire::kEthernetSize + vlan.tag_size();
  wire::write16(arp - 2, wire::kTypeArp);
  wire::write16(arp, 1);  // Ethernet.
  wire::write16(arp + 2, wire::kTypeIpv4);
  arp[4] = std::byte{6};
  arp[5] = std::byte{4};
  wire::write16(arp + wire::kArpOperation, wire::kArpRequest);
  write_mac(arp + wire::kArpSenderMac, mac);
  wire::write32(arp + wire::kArpSenderIp, source.value());
  wire::write32(arp + wire::kArpTargetIp, wanted.value());
}

ArpOutcome handle_arp(std::span<std::byte> frame, MacAddress mac, const SourceAddresses& sources,
                      Neighbours& neighbours, VlanId vlan) noexcept {
  const std::size_t header = wire::kEthernetSize + vlan.tag_size();
  if (frame.size() < header + wire::kArpSize) return ArpOutcome::Nothing;
  std::byte* const arp = frame.data() + header;
  const bool ipv4_over_ethernet = wire::read16(arp) == 1 &&
                                  wire::read16(arp + 2) == wire::kTypeIpv4 &&
                                  arp[4] == std::byte{6} && arp[5] == std::byte{4};
  if (!ipv4_over_ethernet) return ArpOutcome::Nothing;
  const MacAddress sender = read_mac(arp + wire::kArpSenderMac);
  const Ipv4Address sender_ip{wire::read32(arp + wire::kArpSenderIp)};
  const bool group_address = (sender.bytes()[0] & 1U) != 0;
  if (group_address || sender == mac || sources.contains(sender_ip)) return ArpOutcome::Nothing;
  const std::uint16_t operation = wire::read16(arp + wire::kArpOperation);
  const Ipv4Address wanted{wire::read32(arp + wire::kArpTargetIp)};
  if (operation == wire::kArpReply) {
    neighbours.learn(sender_ip, sender);
    return ArpOutcome::Learnt;
  }
  if (operation != wire::kArpRequest || !sources.contains(wanted)) return ArpOutcome::Nothing;
  write_mac(frame.data(), sender);
  write_mac(frame.data() + wire::kEthernetSource, mac);
  wire::write16(arp + wire::kArpOperation, wire::kArpReply);
  write_mac(arp + wire::kArpSenderMac, mac);
  wire::write32(arp + wire::kArpSenderIp, wanted.value());
  write_mac(arp + wire::kArpTargetMac, sender);
  wire::write32(arp + wire::kArpTargetIp, sender_ip.value());
  return ArpOutcome::AnswerWritten;
}

}  // namespace trawl::dataplane::internal
