#include "dataplane/udp_template.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace trawl::dataplane {
namespace {

// Eight hex digits in memory order.
std::uint64_t hex_of(std::uint32_t value) noexcept {
  constexpr char kDigits[] = "0123456789abcdef";
  char text[8];
  for (unsigned i = 0; i < sizeof text; ++i) text[i] = kDigits[value >> (28U - 4U * i) & 0xfU];
  std::uint64_t word;
  std::memcpy(&word, text, sizeof word);
  return word;
}

// The bytes of a field in memory order; those it does not have are zero.
std::uint64_t bytes_of(UdpField field, std::uint32_t sequence, std::uint32_t stamp) noexcept {
  switch (field) {
    case UdpField::Id7: return sequence & 0x7fU;
    case UdpField::Id16: return wire::swap16(static_cast<std::uint16_t>(sequence));
    case UdpField::Id30: return wire::swap32((sequence & 0x3fffffffU) | 0x40000000U);
    case UdpField::Id32: return wire::swap32(sequence);
    case UdpField::IdHex: return hex_of(sequence);
    case UdpField::Stamp: return wire::swap32(stamp);
  }
  return 0;
}

}  // namespace

template <typename Address>
BasicUdpTemplate<Address>::BasicUdpTemplate(const BasicProbeSource<Address>& source,
                                            std::shared_ptr<const UdpPayloads> payloads)
    : payloads_{std::move(payloads)} {
  for (const UdpPayload& payload : payloads_->all()) {
    const std::size_t length = wire::kUdpSize + payload.bytes.size();
    const BasicFrameStart<Address> start{source, wire::kProtocolUdp,
                                         BasicFrameStart<Address>::kHeader + ByteCount{length}};
    Datagram datagram{.start = start,
                      .bytes = std::vector<std::byte>(wire::kUdpSize),
                      .sum = start.pseudo_header(),
                      .slots = payload.slots};
    wire::write16(datagram.bytes.data() + wire::kUdpLength, static_cast<std::uint16_t>(length));
    datagram.bytes.insert(datagram.bytes.end(), payload.bytes.begin(), payload.bytes.end());
    datagram.sum.add(wire::ChecksumPart::over(datagram.bytes.data(), datagram.bytes.size()));
    for (UdpSlot& slot : datagram.slots) slot.at += wire::kUdpSize;
    datagrams_.push_back(std::move(datagram));
  }
}

template <typename Address>
std::size_t BasicUdpTemplate<Address>::write(std::byte* frame, std::uint64_t head,
                                             BasicTarget<Address> target, Cookie cookie,
                                             std::uint32_t probe_stamp) const noexcept {
  const Datagram& datagram = datagrams_[payloads_->index_of(target.port)];
  const auto ip = wire::in_frame(target.ip);
  const std::uint32_t ports = wire::swap32(std::uint32_t{cookie.source_port} << 16U | target.port);
  datagram.start.prepare(frame);
  datagram.start.stamp(frame, head, ip, cookie.ip_id);
  std::byte* const udp = frame + datagram.start.payload();
  std::copy(datagram.bytes.begin(), datagram.bytes.end(), udp);
  wire::ChecksumPart sum = datagram.sum;
  sum.add(ip);
  sum.add(ports);
  for (const UdpSlot& slot : datagram.slots) {
    const std::uint64_t bytes = bytes_of(slot.field, cookie.sequence, probe_stamp);
    std::memcpy(udp + slot.at, &bytes, size_of(slot.field));
    sum.add_at(slot.at, static_cast<std::uint32_t>(bytes));
    sum.add_at(slot.at, static_cast<std::uint32_t>(bytes >> 32U));
  }
  wire::store(udp, ports);
  // A checksum of zero says that there is none (RFC 768).
  const std::uint16_t checksum = sum.finish();
  wire::store(udp + wire::kUdpChecksum, checksum == 0 ? std::uint16_t{0xffff} : checksum);
  return datagram.start.frame_size().count();
}

template <typename Address>
ByteCount BasicUdpTemplate<Address>::mean_frame_size(
    const UdpPayloads& payloads, std::span<const std::uint16_t> ports) noexcept {
  std::uint64_t total = 0;
  for (const std::uint16_t port : ports) {
    const std::uint64_t size = wire::kEthernetSize + BasicFrameStart<Address>::kHeader.count() +
                               wire::kUdpSize +
                               payloads.all()[payloads.index_of(port)].bytes.size();
    total += std::max(size, BitsPerSecond::kShortestFrame.count());
  }
  return ByteCount{(total + ports.size() - 1) / ports.size()};
}

template class BasicUdpTemplate<Ipv4Address>;
template class BasicUdpTemplate<Ipv6Address>;

}  // namespace trawl::dataplane
