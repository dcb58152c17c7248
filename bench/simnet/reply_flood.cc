#include "bench/simnet/reply_flood.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "bench/simnet/frame.h"

namespace trawl::simnet {

Result<ReplyFlood> ReplyFlood::make(std::size_t most) {
  ZeroPages<Slot> slots{most};
  if (slots.empty()) {
    return fail(ExitCode::Usage,
                fmt::format("--flood: no memory for {} replies; give a smaller number", most));
  }
  return ReplyFlood{std::move(slots), most};
}

ReplyFlood::ReplyFlood(ZeroPages<Slot> slots, std::size_t most) noexcept
    : slots_{std::move(slots)}, most_{most} {}

void ReplyFlood::keep(std::span<const std::byte> reply) noexcept {
  if (kept_ == most_ || reply.size() < wire::kEthernetSize || reply.size() > kLargestFrame ||
      wire::read16(reply.data() + wire::kEthernetType) != wire::kTypeIpv4) {
    return;
  }
  Slot& slot = slots_[kept_++];
  slot.size = static_cast<std::uint8_t>(reply.size());
  std::memcpy(slot.bytes.data(), reply.data(), reply.size());
}

std::size_t ReplyFlood::write(std::span<std::byte> buffer) noexcept {
  const Slot& slot = slots_[next_];
  if (++next_ == kept_) next_ = 0;
  // All of it: a copy of one size is a few moves.
  std::memcpy(buffer.data(), slot.bytes.data(), kLargestFrame);
  return slot.size;
}

}  // namespace trawl::simnet
