#include "dataplane/tcp_template.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace trawl::dataplane {
namespace {

constexpr std::uint16_t kWindow = 64240;
// MSS 1460; SACK permitted; timestamps (value stamped, echo 0); no-op; window scale 7.
constexpr std::array<std::uint8_t, 20> kSynOptions{2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0,
                                                   0, 0, 0,    0,    0, 0, 1, 3,  3, 7};

// Fills in what is the same in every segment that is as long as `segment`.
wire::ChecksumPart write_constants(std::span<std::byte> segment, std::uint8_t flags,
                                   const FrameStart& start) noexcept {
  segment[wire::kTcpOffset] = static_cast<std::byte>(segment.size() / 4 << 4U);
  segment[wire::kTcpFlags] = std::byte{flags};
  wire::write16(segment.data() + wire::kTcpWindow, kWindow);
  wire::ChecksumPart sum = start.pseudo_header();
  sum.add(wire::ChecksumPart::over(segment.data(), segment.size()));
  return sum;
}

}  // namespace

TcpSynTemplate::TcpSynTemplate(const ProbeSource& source) noexcept
    : start_{source, wire::kProtocolTcp, kPacketSize} {
  std::memcpy(segment_.data() + wire::kTcpSize, kSynOptions.data(), kSynOptions.size());
  sum_ = write_constants(segment_, wire::kSyn, start_);
}

void TcpSynTemplate::prepare(std::byte* frame) const noexcept {
  start_.prepare(frame);
  std::copy(segment_.begin(), segment_.end(), frame + start_.payload());
}

TcpAckTemplate::TcpAckTemplate(const ProbeSource& source) noexcept
    : start_{source, wire::kProtocolTcp, kPacketSize} {
  sum_ = write_constants(segment_, wire::kAck, start_);
}

void TcpAckTemplate::prepare(std::byte* frame) const noexcept {
  start_.prepare(frame);
  std::copy(segment_.begin(), segment_.end(), frame + start_.payload());
}

}  // namespace trawl::dataplane
