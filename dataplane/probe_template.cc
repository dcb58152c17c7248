#include "dataplane/probe_template.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

namespace trawl::dataplane {

template <typename Address>
BasicProbeTemplate<Address>::BasicProbeTemplate(ProbeKind kind,
                                                const BasicProbeSource<Address>& source,
                                                std::shared_ptr<const UdpPayloads> payloads)
    : mac_{source.mac},
      ip_{wire::kEthernetSize + source.vlan.tag_size()},
      protocol_{protocol_of(kind)},
      of_kind_{make(kind, source, std::move(payloads))} {}

template <typename Address>
auto BasicProbeTemplate<Address>::make(ProbeKind kind, const BasicProbeSource<Address>& source,
                                       std::shared_ptr<const UdpPayloads> payloads) -> OfKind {
  switch (kind) {
    case ProbeKind::TcpSyn: break;
    case ProbeKind::TcpAck: return BasicTcpAckTemplate<Address>{source};
    case ProbeKind::IcmpEcho: return BasicIcmpEchoTemplate<Address>{source};
    case ProbeKind::IcmpTimestamp:
      if constexpr (kIsV4) return IcmpTimestampTemplate{source};
      break;
    case ProbeKind::Udp: return BasicUdpTemplate<Address>{source, std::move(payloads)};
  }
  if (source.syn_options == SynOptions::Mss) return MssSyn{source};
  return LinuxSyn{source};
}

template <typename Address>
ByteCount BasicProbeTemplate<Address>::frame_size(ProbeKind kind, SynOptions syn_options,
                                                  const UdpPayloads* payloads,
                                                  std::span<const std::uint16_t> ports) noexcept {
  constexpr ByteCount kEthernet{wire::kEthernetSize};
  switch (kind) {
    case ProbeKind::TcpSyn: break;
    case ProbeKind::TcpAck: return kEthernet + BasicTcpAckTemplate<Address>::kPacketSize;
    case ProbeKind::IcmpEcho: return kEthernet + BasicIcmpEchoTemplate<Address>::kPacketSize;
    case ProbeKind::IcmpTimestamp: return kEthernet + IcmpTimestampTemplate::kPacketSize;
    case ProbeKind::Udp: return BasicUdpTemplate<Address>::mean_frame_size(*payloads, ports);
  }
  if (syn_options == SynOptions::Mss) return kEthernet + MssSyn::kPacketSize;
  return kEthernet + LinuxSyn::kPacketSize;
}

// Adds to checksums what an address of zero did not (RFC 1624).
template <typename Address>
void BasicProbeTemplate<Address>::set_source(std::byte* frame, Address source) const noexcept {
  const auto address = wire::in_frame(source);
  const auto add_to = [frame, &address](std::size_t at) noexcept {
    std::uint16_t old;
    std::memcpy(&old, frame + at, sizeof old);
    wire::ChecksumPart sum;
    sum.add(static_cast<std::uint16_t>(~old));
    sum.add(address);
    return sum.finish();
  };
  const std::size_t payload = ip_ + BasicFrameStart<Address>::kHeader.count();
  if constexpr (kIsV4) {
    wire::store(frame + ip_ + wire::kIpChecksum, add_to(ip_ + wire::kIpChecksum));
    wire::store(frame + ip_ + wire::kIpSource, address);
  } else {
    wire::store(frame + ip_ + wire::kIpv6Source, address);
  }
  if (protocol_ == Protocol::Tcp) {
    wire::store(frame + payload + wire::kTcpChecksum, add_to(payload + wire::kTcpChecksum));
  } else if (protocol_ == Protocol::Udp) {
    const std::uint16_t checksum = add_to(payload + wire::kUdpChecksum);
    wire::store(frame + payload + wire::kUdpChecksum,
                checksum == 0 ? std::uint16_t{0xffff} : checksum);
  } else if (!kIsV4) {
    wire::store(frame + payload + wire::kIcmpChecksum, add_to(payload + wire::kIcmpChecksum));
  }
}

template <typename Address>
std::uint64_t BasicProbeTemplate<Address>::frame_head(MacAddress next_hop) const noexcept {
  std::array<std::uint8_t, sizeof(std::uint64_t)> bytes;
  const auto hop = next_hop.bytes();
  const auto own = mac_.bytes();
  std::copy(hop.begin(), hop.end(), bytes.begin());
  std::copy_n(own.begin(), bytes.size() - hop.size(), bytes.begin() + hop.size());
  return std::bit_cast<std::uint64_t>(bytes);
}

template class BasicProbeTemplate<Ipv4Address>;
template class BasicProbeTemplate<Ipv6Address>;

}  // namespace trawl::dataplane
