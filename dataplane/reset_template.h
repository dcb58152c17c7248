#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/units.h"
#include "dataplane/cookie.h"
#include "dataplane/frame_start.h"
#include "dataplane/target.h"
#include "dataplane/wire.h"

namespace trawl::dataplane {

// The reset that ends the handshake a SYN probe began: what a host says to a SYN-ACK that belongs
// to no connection of its own (RFC 9293 section 3.10.7.3, <SEQ=SEG.ACK><CTL=RST>). Without it a
// server holds the half-open connection and repeats its SYN-ACK for a minute.
//
// A SYN-ACK acknowledges the SYN alone, so its number is one more than that of the probe: the
// target says all there is to know, and no state of the connection is needed.
// Thread: immutable once made.
template <typename Address>
class BasicResetTemplate {
 public:
  static constexpr ByteCount kPacketSize =
      BasicFrameStart<Address>::kHeader + ByteCount{wire::kTcpSize};

  // `source` is that of the probes.
  explicit BasicResetTemplate(const BasicProbeSource<Address>& source) noexcept;

  [[nodiscard]] ByteCount size() const noexcept { return start_.frame_size(); }
  // Writes the reset for the probe with this cookie; `head` is ProbeTemplate::frame_head(). Needs
  // size() bytes at `frame`. ProbeTemplate::set_source() can be used on it.
  void write(std::byte* frame, std::uint64_t head, BasicTarget<Address> target,
             Cookie cookie) const noexcept;

 private:
  BasicFrameStart<Address> start_;
  std::array<std::byte, wire::kTcpSize> segment_{};
  wire::ChecksumPart sum_;  // Over the pseudo-header and the constant words of the segment.
};

using ResetTemplate = BasicResetTemplate<Ipv4Address>;
using ResetTemplate6 = BasicResetTemplate<Ipv6Address>;
extern template class BasicResetTemplate<Ipv4Address>;
extern template class BasicResetTemplate<Ipv6Address>;

}  // namespace trawl::dataplane
