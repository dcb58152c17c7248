#include "bench/simnet/conversation_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "base/hash.h"

namespace trawl::simnet {

Result<ConversationTable> ConversationTable::make(std::size_t limit) {
  ConversationTable table{limit};
  if (table.pool_.empty() || table.buckets_.empty() || table.wheel_.empty()) {
    return fail(ExitCode::Runtime,
                fmt::format("there is too little memory for {} conversations", limit));
  }
  return table;
}

ConversationTable::ConversationTable(std::size_t limit)
    : limit_{limit},
      mask_{std::bit_ceil(limit) - 1},
      pool_{limit + 1},
      buckets_{mask_ + 1},
      wheel_{kGrains} {
  if (pool_.empty() || buckets_.empty()) return;
  pool_.ask_for_huge_pages();
  buckets_.ask_for_huge_pages();
}

std::uint32_t& ConversationTable::bucket(const ConversationKey& key) noexcept {
  const std::uint64_t ports = (std::uint64_t{key.peer_port} << 16U) | key.host_port;
  const std::uint64_t hash =
      mix64(((std::uint64_t{key.host} << 32U) | key.peer) ^ ports * 0x9e3779b97f4a7c15ULL);
  return buckets_[static_cast<std::size_t>(hash) & mask_];
}

Conversation* ConversationTable::find(const ConversationKey& key) noexcept {
  for (std::uint32_t i = bucket(key); i != kNone; i = pool_[i].chain) {
    if (pool_[i].key == key) return &pool_[i];
  }
  return nullptr;
}

Conversation& ConversationTable::add(const ConversationKey& key) noexcept {
  std::uint32_t index = free_;
  if (index != kNone) {
    free_ = pool_[index].chain;
  } else {
    index = static_cast<std::uint32_t>(++fresh_);
  }
  Conversation& conversation = pool_[index];
  conversation = {};
  conversation.key = key;
  std::uint32_t& first = bucket(key);
  conversation.chain = first;
  first = index;
  ++size_;
  return conversation;
}

Conversation& ConversationTable::next_victim() noexcept {
  victim_ = victim_ == limit_ ? 1 : victim_ + 1;
  return pool_[victim_];
}

void ConversationTable::drop(Conversation& conversation) noexcept {
  unlink(conversation);
  const std::uint32_t index = index_of(conversation);
  std::uint32_t* at = &bucket(conversation.key);
  while (*at != index) at = &pool_[*at].chain;
  *at = conversation.chain;
  conversation.state = ConversationState::Free;
  conversation.chain = free_;
  free_ = index;
  --size_;
}

void ConversationTable::link(Conversation& conversation, Grain grain) noexcept {
  grain = std::clamp(grain, cursor_, cursor_ + kHorizon);
  List& list = wheel_[grain % kGrains];
  const std::uint32_t index = index_of(conversation);
  conversation.armed = grain;
  conversation.timer_next = kNone;
  conversation.timer_prev = list.last;
  (list.last == kNone ? list.first : pool_[list.last].timer_next) = index;
  list.last = index;
}

void ConversationTable::unlink(Conversation& conversation) noexcept {
  if (conversation.armed == kNone) return;
  List& list = wheel_[conversation.armed % kGrains];
  const std::uint32_t next = conversation.timer_next;
  const std::uint32_t prev = conversation.timer_prev;
  (prev == kNone ? list.first : pool_[prev].timer_next) = next;
  (next == kNone ? list.last : pool_[next].timer_prev) = prev;
  conversation.armed = kNone;
}

void ConversationTable::arm(Conversation& conversation, Grain due) noexcept {
  // Most timers are put off or stopped before they fire: one that is looked at too early costs less
  // than moving it each time.
  constexpr Grain kFirstLook = 200;
  conversation.due = due;
  if (conversation.armed == kNone) {
    link(conversation, std::min(due, cursor_ + kFirstLook));
  } else if (due < conversation.armed) {
    unlink(conversation);
    link(conversation, due);
  }
}

Conversation* ConversationTable::take_due(Grain now) noexcept {
  while (true) {
    const std::uint32_t index = wheel_[cursor_ % kGrains].first;
    if (index == kNone) {
      if (cursor_ >= now) return nullptr;
      ++cursor_;
      continue;
    }
    if (cursor_ > now) return nullptr;
    Conversation& conversation = pool_[index];
    unlink(conversation);
    if (conversation.due <= now) return &conversation;
    link(conversation, conversation.due);
  }
}

}  // namespace trawl::simnet
