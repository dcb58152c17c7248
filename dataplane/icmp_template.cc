#include "dataplane/icmp_template.h"

#include <algorithm>

namespace trawl::dataplane {

IcmpEchoTemplate::IcmpEchoTemplate(const ProbeSource& source) noexcept
    : start_{source, wire::kProtocolIcmp, kPacketSize} {
  message_[0] = std::byte{wire::kIcmpEcho};
  sum_ = wire::ChecksumPart::over(message_.data(), message_.size());
}

void IcmpEchoTemplate::prepare(std::byte* frame) const noexcept {
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

}  // namespace trawl::dataplane
