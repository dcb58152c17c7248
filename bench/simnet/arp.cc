#include "bench/simnet/arp.h"

#include "base/mac.h"
#include "dataplane/wire.h"

namespace trawl::simnet {

namespace wire = dataplane::wire;

std::optional<ArpPacket> parse_arp(std::span<const std::byte> frame) noexcept {
  if (frame.size() < wire::kEthernetSize + wire::kArpSize) return std::nullopt;
  const std::byte* const arp = frame.data() + wire::kEthernetSize;
  constexpr std::uint32_t kEthernetAndIpv4 = 0x00010800;
  constexpr std::uint16_t kAddressSizes = 0x0604;
  if (wire::read32(arp) != kEthernetAndIpv4 || wire::read16(arp + 4) != kAddressSizes)
    return std::nullopt;
  return ArpPacket{wire::read16(arp + 6), wire::read_mac(arp + 8),
                   Ipv4Address{wire::read32(arp + 14)}, Ipv4Address{wire::read32(arp + 24)}};
}

namespace {

struct ArpBody {
  std::uint16_t operation;
  std::uint64_t sender_mac;
  Ipv4Address sender;
  std::uint64_t target_mac;
  Ipv4Address target;
};

std::size_t write_arp(std::span<std::byte> buffer, std::uint64_t to, const ArpBody& body) noexcept {
  if (buffer.size() < wire::kEthernetSize + wire::kArpSize) return 0;
  wire::write_mac(buffer.data(), to);
  wire::write_mac(buffer.data() + wire::kEthernetSource, body.sender_mac);
  wire::write16(buffer.data() + wire::kEthernetType, wire::kTypeArp);
  std::byte* const arp = buffer.data() + wire::kEthernetSize;
  wire::write32(arp, 0x00010800);
  wire::write16(arp + 4, 0x0604);
  wire::write16(arp + 6, body.operation);
  wire::write_mac(arp + 8, body.sender_mac);
  wire::write32(arp + 14, body.sender.value());
  wire::write_mac(arp + 18, body.target_mac);
  wire::write32(arp + 24, body.target.value());
  return wire::kEthernetSize + wire::kArpSize;
}

}  // namespace

std::size_t write_arp_reply(std::span<std::byte> buffer, const ArpPacket& request,
                            std::uint64_t mac) noexcept {
  return write_arp(buffer, request.sender_mac,
                   {wire::kArpReply, mac, request.target, request.sender_mac, request.sender});
}

std::size_t write_arp_request(std::span<std::byte> buffer, std::uint64_t sender_mac,
                              Ipv4Address sender, Ipv4Address target) noexcept {
  return write_arp(buffer, MacAddress::broadcast().to_integer(),
                   {wire::kArpRequest, sender_mac, sender, 0, target});
}

}  // namespace trawl::simnet
