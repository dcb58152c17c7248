#include "dataplane/reset_template.h"

#include <algorithm>

namespace trawl::dataplane {

template <typename Address>
BasicResetTemplate<Address>::BasicResetTemplate(const BasicProbeSource<Address>& source) noexcept
    : start_{source, wire::kProtocolTcp, kPacketSize} {
  segment_[wire::kTcpOffset] = static_cast<std::byte>(wire::kTcpSize / 4 << 4U);
  segment_[wire::kTcpFlags] = std::byte{wire::kRst};
  sum_ = start_.pseudo_header();
  sum_.add(wire::ChecksumPart::over(segment_.data(), segment_.size()));
}

template <typename Address>
void BasicResetTemplate<Address>::write(std::byte* frame, std::uint64_t head,
                                        BasicTarget<Address> target, Cookie cookie) const noexcept {
  const auto ip = wire::in_frame(target.ip);
  const std::uint32_t sequence = wire::swap32(cookie.sequence + 1);
  const std::uint32_t ports = wire::swap32(std::uint32_t{cookie.source_port} << 16U | target.port);
  wire::ChecksumPart sum = sum_;
  sum.add(ip);
  sum.add(ports);
  sum.add(sequence);
  start_.prepare(frame);
  start_.stamp(frame, head, ip, cookie.ip_id);
  std::byte* const tcp = frame + start_.payload();
  std::copy(segment_.begin(), segment_.end(), tcp);
  wire::store(tcp + wire::kTcpSourcePort, ports);
  wire::store(tcp + wire::kTcpSequence, sequence);
  wire::store(tcp + wire::kTcpChecksum, sum.finish());
}

template class BasicResetTemplate<Ipv4Address>;
template class BasicResetTemplate<Ipv6Address>;

}  // namespace trawl::dataplane
