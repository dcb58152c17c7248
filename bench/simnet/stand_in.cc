#include "bench/simnet/stand_in.h"

#include <algorithm>
#include <cstring>

namespace trawl::simnet {

std::optional<Ipv4Frame> StandIns::frame(const Ipv6Frame& probe) noexcept {
  const auto host = hosts_->number(probe.to);
  if (!host) return std::nullopt;
  const auto used = peers_.begin() + used_;
  const auto found = std::find(peers_.begin(), used, probe.from);
  if (found == peers_.end()) return std::nullopt;
  if (found == used) peers_[used_++] = probe.from;
  Ipv4Frame frame;
  frame.eth_to = probe.eth_to;
  frame.eth_from = probe.eth_from;
  frame.from = Ipv4Address{kFirstPeer + static_cast<std::uint32_t>(found - peers_.begin())};
  frame.to = Ipv4Address{*host};
  frame.protocol = probe.protocol;
  frame.ttl = probe.hop_limit;
  frame.header_size = wire::kIpSize;
  frame.total_size = wire::kIpSize + probe.payload_size;
  return frame;
}

std::size_t StandIns::translate(std::span<std::byte> buffer, std::size_t size,
                                std::uint64_t router_mac) const noexcept {
  constexpr std::size_t kIpv4Payload = wire::kEthernetSize + wire::kIpSize;
  if (size < kIpv4Payload + wire::kTcpSize || size > buffer.size()) return 0;
  const std::size_t segment = size - kIpv4Payload;
  if (kIpv6Payload + segment > buffer.size()) return 0;
  const std::byte* const ip = buffer.data() + wire::kEthernetSize;
  const std::uint32_t number = wire::read32(ip + wire::kIpSource);
  const std::uint32_t peer = wire::read32(ip + wire::kIpDestination) - kFirstPeer;
  if (number >= hosts_->addresses().size() || peer >= used_) return 0;
  Ipv6Frame probe;
  probe.from = peers_[peer];
  probe.to = hosts_->addresses()[number];
  probe.eth_from = wire::read_mac(buffer.data());
  probe.eth_to = wire::read_mac(buffer.data() + wire::kEthernetSource);
  if (probe.eth_to != router_mac) probe.eth_to = host_mac6(probe.to);
  const HostStyle style{.ttl = wire::read8(ip + wire::kIpTtl)};
  std::memmove(buffer.data() + kIpv6Payload, buffer.data() + kIpv4Payload, segment);
  return write_tcp6(buffer, probe, segment, style);
}

void StandIns::limit_segments(TcpSegment& syn) noexcept {
  constexpr std::uint16_t kLargest = 1440;  // In 1500 bytes without options.
  constexpr std::uint16_t kDefault = 1220;  // RFC 9293 section 3.7.1.
  syn.mss = syn.has_mss ? std::min(syn.mss, kLargest) : kDefault;
  syn.has_mss = true;
}

}  // namespace trawl::simnet
