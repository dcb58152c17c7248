#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/ip.h"
#include "base/result.h"
#include "dataplane/conversation/conversation.h"
#include "dataplane/conversation/zeroed_array.h"

namespace trawl::dataplane {

// All conversations that are remembered, found by their target, and waited on in queues. The
// waits of a queue are equally long, so that its first one is always due first.
//
// Open addressing over (index, hash) words with linear probing and, when one is taken out,
// backward shifts; the conversations themselves never move. At most kMostState bytes each.
// Hashes are to come from the scan key: nobody can choose targets that collide.
// Thread: one polling core. Allocates when made.
template <typename Address>
class BasicConversationTable {
 public:
  using Conversation = BasicConversation<Address>;

  static constexpr std::size_t kMostState = 200;
  enum class Queue : std::uint8_t { Idle, Patience, Again, Grace };
  static constexpr std::size_t kQueues = 4;

  // For `most` conversations. Fails with Runtime when the address space does not suffice.
  [[nodiscard]] static Result<BasicConversationTable> make(std::size_t most);

  // nullptr when it is not there.
  [[nodiscard]] Conversation* find(const BasicTarget<Address>& target, std::uint32_t hash) noexcept;
  // A new one, in no queue. When the table is full the one that is Done longest makes room;
  // nullptr when there is none of those. Needs that it is not there.
  [[nodiscard]] Conversation* insert(const BasicTarget<Address>& target,
                                     std::uint32_t hash) noexcept;
  void erase(Conversation& conversation) noexcept;

  // Puts it last in `queue`, out of the one where it is.
  void wait_in(Conversation& conversation, Queue queue, Ticks deadline) noexcept;
  // The one that is due first; nullptr when there is none.
  [[nodiscard]] Conversation* first_of(Queue queue) noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  // How many are not Done: those outside of Grace.
  [[nodiscard]] std::size_t open() const noexcept { return size_ - in_grace_; }

 private:
  static constexpr std::uint32_t kNone = Conversation::kNone;
  static constexpr std::uint8_t kNoQueue = kQueues;

  struct Slot {
    std::uint32_t number;  // Of a conversation, from 1 on; 0 is an empty slot.
    std::uint32_t hash;
  };
  struct Ends {
    std::uint32_t first = kNone;
    std::uint32_t last = kNone;
  };

  explicit BasicConversationTable(std::size_t most);
  [[nodiscard]] std::size_t mask() const noexcept { return slots_.size() - 1; }
  [[nodiscard]] std::uint32_t index_of(const Conversation& conversation) noexcept {
    return static_cast<std::uint32_t>(&conversation - conversations_.data());
  }
  void leave_queue(Conversation& conversation) noexcept;
  void close_gap(std::size_t at) noexcept;

  ZeroedArray<Slot> slots_;
  ZeroedArray<Conversation> conversations_;
  std::size_t most_;
  std::size_t size_ = 0;
  std::size_t in_grace_ = 0;
  std::uint32_t unused_ = 0;    // From here on none was ever used.
  std::uint32_t free_ = kNone;  // Chained by `next`.
  std::array<Ends, kQueues> queues_{};
};

extern template class BasicConversationTable<Ipv4Address>;
extern template class BasicConversationTable<Ipv6Address>;

}  // namespace trawl::dataplane
