#include "dataplane/conversation/conversation_table.h"

#include <fmt/format.h>

#include <bit>
#include <new>
#include <utility>

namespace trawl::dataplane {

template <typename Address>
Result<BasicConversationTable<Address>> BasicConversationTable<Address>::make(std::size_t most) {
  BasicConversationTable table{most};
  if (table.slots_.empty() || table.conversations_.empty()) {
    return fail(ExitCode::Runtime,
                fmt::format("not enough address space for {} conversations", most));
  }
  return table;
}

template <typename Address>
BasicConversationTable<Address>::BasicConversationTable(std::size_t most)
    : slots_{std::bit_ceil(most + most / 2 + 2)}, conversations_{most}, most_{most} {
  constexpr std::size_t kSlots = 3;  // Bytes of slots a conversation: three at most.
  static_assert(sizeof(Conversation) + kSlots * sizeof(Slot) <= kMostState);
}

template <typename Address>
BasicConversation<Address>* BasicConversationTable<Address>::find(
    const BasicTarget<Address>& target, std::uint32_t hash) noexcept {
  for (std::size_t at = hash & mask(); slots_[at].number != 0; at = (at + 1) & mask()) {
    if (slots_[at].hash != hash) continue;
    Conversation& found = conversations_[slots_[at].number - 1];
    if (found.target == target) return &found;
  }
  return nullptr;
}

template <typename Address>
BasicConversation<Address>* BasicConversationTable<Address>::insert(
    const BasicTarget<Address>& target, std::uint32_t hash) noexcept {
  if (size_ == most_) {
    Conversation* const oldest = first_of(Queue::Grace);
    if (oldest == nullptr) return nullptr;
    erase(*oldest);
  }
  std::uint32_t index = free_;
  if (index != kNone) {
    free_ = conversations_[index].next;
  } else {
    index = unused_++;
  }
  auto* const made = new (&conversations_[index]) Conversation{};
  made->target = target;
  made->hash = hash;
  made->queue = kNoQueue;
  std::size_t at = hash & mask();
  while (slots_[at].number != 0) at = (at + 1) & mask();
  slots_[at] = {index + 1, hash};
  ++size_;
  return made;
}

template <typename Address>
void BasicConversationTable<Address>::erase(Conversation& conversation) noexcept {
  leave_queue(conversation);
  const std::uint32_t index = index_of(conversation);
  std::size_t at = conversation.hash & mask();
  while (slots_[at].number != index + 1) at = (at + 1) & mask();
  close_gap(at);
  conversation.next = free_;
  free_ = index;
  --size_;
}

// Moves up those behind the gap that a search would no longer find.
template <typename Address>
void BasicConversationTable<Address>::close_gap(std::size_t at) noexcept {
  for (std::size_t next = (at + 1) & mask(); slots_[next].number != 0; next = (next + 1) & mask()) {
    const std::size_t wanted = slots_[next].hash & mask();
    if (((next - wanted) & mask()) < ((next - at) & mask())) continue;
    slots_[at] = slots_[next];
    at = next;
  }
  slots_[at] = {};
}

template <typename Address>
void BasicConversationTable<Address>::wait_in(Conversation& conversation, Queue queue,
                                              Ticks deadline) noexcept {
  leave_queue(conversation);
  const std::uint32_t index = index_of(conversation);
  Ends& ends = queues_[static_cast<std::size_t>(queue)];
  conversation.queue = static_cast<std::uint8_t>(queue);
  conversation.deadline = deadline;
  conversation.previous = ends.last;
  conversation.next = kNone;
  (ends.last == kNone ? ends.first : conversations_[ends.last].next) = index;
  ends.last = index;
  in_grace_ += queue == Queue::Grace ? 1 : 0;
}

template <typename Address>
void BasicConversationTable<Address>::leave_queue(Conversation& conversation) noexcept {
  if (conversation.queue == kNoQueue) return;
  Ends& ends = queues_[conversation.queue];
  const auto [next, previous] = std::pair{conversation.next, conversation.previous};
  (previous == kNone ? ends.first : conversations_[previous].next) = next;
  (next == kNone ? ends.last : conversations_[next].previous) = previous;
  in_grace_ -= conversation.queue == static_cast<std::uint8_t>(Queue::Grace) ? 1 : 0;
  conversation.queue = kNoQueue;
}

template <typename Address>
BasicConversation<Address>* BasicConversationTable<Address>::first_of(Queue queue) noexcept {
  const std::uint32_t first = queues_[static_cast<std::size_t>(queue)].first;
  return first == kNone ? nullptr : &conversations_[first];
}

template class BasicConversationTable<Ipv4Address>;
template class BasicConversationTable<Ipv6Address>;

}  // namespace trawl::dataplane
