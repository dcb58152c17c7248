#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/ip.h"
#include "dataplane/cookie.h"
#include "dataplane/target.h"

namespace trawl::dataplane {

// A frame that a conversation wants sent: what is in it, not its bytes.
template <typename Address>
struct BasicOutgoing {
  enum class Kind : std::uint8_t { Segment, Probe };

  BasicTarget<Address> target;
  Address source;  // Ours.
  Kind kind = Kind::Segment;
  // Of a probe, which opens a second connection, `cookie` and `stamp` alone count.
  Cookie cookie{};
  std::uint32_t stamp = 0;  // Our timestamp, and the peer's that is echoed, if it has them.
  std::uint32_t echo = 0;
  bool has_stamps = false;
  std::uint8_t flags = 0;
  std::uint16_t source_port = 0;
  std::uint16_t window = 0;  // As it goes into the header.
  std::uint32_t sequence = 0;
  std::uint32_t ack = 0;
  // Which bytes of which payload.
  std::uint8_t payload = 0;
  std::uint16_t offset = 0;
  std::uint16_t length = 0;
};

// What a burst of segments, or the clock, makes conversations send.
template <typename Address>
class BasicOutbox {
 public:
  static constexpr std::size_t kMost = 192;
  // At most as many come of one segment or one wait that is over.
  static constexpr std::size_t kOfOne = 2;

  [[nodiscard]] std::size_t room() const noexcept { return kMost - count_; }
  // Needs room().
  BasicOutgoing<Address>& add() noexcept { return frames_[count_++] = BasicOutgoing<Address>{}; }
  [[nodiscard]] std::span<const BasicOutgoing<Address>> frames() const noexcept {
    return {frames_.data(), count_};
  }
  void clear() noexcept { count_ = 0; }

 private:
  std::array<BasicOutgoing<Address>, kMost> frames_;
  std::size_t count_ = 0;
};

}  // namespace trawl::dataplane
