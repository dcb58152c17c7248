#pragma once

#include <memory>

#include "base/clock.h"
#include "base/frame_sink.h"
#include "service/nsock/packet_source.h"

namespace trawl::control {

// Packets of polling cores as packets of an event loop: what a core offers here, the loop that
// reads `source` hands out, with the time by the wall clock and, as its tag, in ticks. Of a
// departure the tag is that of its sender, and the ticks are its eight bytes.
class PacketSink final : public FrameSink {
 public:
  PacketSink(std::shared_ptr<service::PacketSource> source, const TscClock& clock)
      : source_{std::move(source)}, clock_{clock} {}

  [[nodiscard]] bool offer(std::span<const std::byte> packet,
                           const FrameNote& note) noexcept override {
    const bool is_note = packet.empty();
    service::SeenPacket seen;
    seen.details.captured = clock_.wall_time_at(note.at);
    seen.details.link_type = kRawIp;
    seen.details.wire_length = static_cast<std::uint32_t>(packet.size());
    seen.details.tag = is_note ? note.tag : note.at;
    seen.bytes = is_note ? std::as_bytes(std::span{&note.at, 1}) : packet;
    return source_->offer(seen);
  }

 private:
  static constexpr int kRawIp = 12;  // DLT_RAW of pcap-linktype(7): begins with its IP header.

  std::shared_ptr<service::PacketSource> source_;
  TscClock clock_;
};

}  // namespace trawl::control
