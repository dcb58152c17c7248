#pragma once

#include <utility>

#include "osfp/active/group_probing.h"

namespace trawl::osfp {

// The members of BasicGroupProbing: for the files that make one of it for a family.

template <typename Family>
std::size_t BasicGroupProbing<Family>::add(HostProbing host) {
  const auto address = host.series().destination;
  std::size_t number = members_.size();
  if (free_.empty()) {
    members_.push_back({.host = std::move(host)});
  } else {
    number = free_.back();
    free_.pop_back();
    members_[number].host = std::move(host);
    members_[number].is_told = false;
  }
  by_address_.emplace(address, number);
  schedule(number);
  return number;
}

template <typename Family>
void BasicGroupProbing<Family>::remove(std::size_t number) {
  Member& member = members_[number];
  by_address_.erase(member.host.series().destination);
  ++member.version;
  std::erase(completed_, number);
  free_.push_back(number);
}

template <typename Family>
void BasicGroupProbing<Family>::schedule(std::size_t number) {
  Member& member = members_[number];
  ++member.version;
  if (const auto due = member.host.due()) {
    queue_.push({.due = *due, .host = number, .version = member.version});
    member.is_told = false;
  } else if (!std::exchange(member.is_told, true)) {
    completed_.push_back(number);
  }
}

// Until the first entry is right.
template <typename Family>
void BasicGroupProbing<Family>::settle() {
  while (!queue_.empty()) {
    const Entry entry = queue_.top();
    const Member& member = members_[entry.host];
    const bool is_void = entry.version != member.version;
    if (!is_void && member.host.due() == entry.due) return;
    queue_.pop();
    if (!is_void) schedule(entry.host);
  }
}

template <typename Family>
std::optional<Moment> BasicGroupProbing<Family>::due() {
  settle();
  if (queue_.empty()) return std::nullopt;
  return queue_.top().due;
}

template <typename Family>
std::optional<typename BasicGroupProbing<Family>::Due> BasicGroupProbing<Family>::next(Moment now) {
  for (auto moment = due(); moment && *moment <= now; moment = due()) {
    const std::size_t number = queue_.top().host;
    const auto probe = members_[number].host.next(now);
    if (probe) return Due{.host = number, .probe = *probe};
    // It gave a probe up, and is due later or no more.
  }
  return std::nullopt;
}

template <typename Family>
void BasicGroupProbing<Family>::sent(const Due& due, Moment at) {
  members_[due.host].host.sent(due.probe, at);
}

template <typename Family>
std::optional<std::size_t> BasicGroupProbing<Family>::receive(std::span<const std::byte> packet,
                                                              Moment at) {
  const auto sender = Family::sender_of(packet);
  if (!sender) return std::nullopt;
  const auto found = by_address_.find(*sender);
  if (found == by_address_.end() || !members_[found->second].host.receive(packet, at)) {
    return std::nullopt;
  }
  return found->second;
}

template <typename Family>
void BasicGroupProbing<Family>::set_timeout(std::size_t number, Moment timeout) {
  members_[number].host.set_timeout(timeout);
  schedule(number);
}

template <typename Family>
void BasicGroupProbing<Family>::begin_round(std::size_t number, Moment start) {
  members_[number].host.begin_round(start);
  schedule(number);
}

}  // namespace trawl::osfp
