#include "dataplane/icmp_template.h"

#include <algorithm>

namespace trawl::dataplane {

template <typename Address>
BasicIcmpEchoTemplate<Address>::BasicIcmpEchoTemplate(
    const BasicProbeSource<Address>& source) noexcept
    : start_{source, kHasPseudoHeader ? wire::kProtocolIcmpv6 : wire::kProtocolIcmp, kPacketSize} {
  message_[0] = std::byte{kHasPseudoHeader ? wire::kIcmpv6Echo : wire::kIcmpEcho};
  sum_ = wire::ChecksumPart::over(message_.data(), message_.size());
  if constexpr (kHasPseudoHeader) sum_.add(start_.pseudo_header());
}

template <typename Address>
void BasicIcmpEchoTemplate<Address>::prepare(std::byte* frame) const noexcept {
  start_.prepare(frame);
  std::copy(message_.begin(), message_.end(), frame + start_.payload());
}

IcmpTimestampTemplate::IcmpTimestampTemplate(const ProbeSource& source) noexcept
    : start_{source, wire::kProtocolIcmp, kPacketSize} {
  message_[0] = std::byte{wire::kIcmpTimestamp};
  sum_ = wire::ChecksumPart::over(message_.data(), message_.size());
}

void IcmpTimestampTemplate::prepare(std::byte* frame) const noexcept {
  start_.prepare(frame);
  std::copy(message_.begin(), message_.end(), frame + start_.payload());
}

template class BasicIcmpEchoTemplate<Ipv4Address>;
template class BasicIcmpEchoTemplate<Ipv6Address>;

}  // namespace trawl::dataplane
