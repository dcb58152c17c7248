#include "osfp/active/group_probing.h"

#include <utility>

#include "dataplane/wire.h"

namespace trawl::osfp {

namespace wire = dataplane::wire;

std::size_t GroupProbing::add(HostProbing host) {
  const std::uint32_t address = host.series().destination.value();
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

void GroupProbing::remove(std::size_t number) {
  Member& member = members_[number];
  by_address_.erase(member.host.series().destination.value());
  ++member.version;
  std::erase(completed_, number);
  free_.push_back(number);
}

void GroupProbing::schedule(std::size_t number) {
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
void GroupProbing::settle() {
  while (!queue_.empty()) {
    const Entry entry = queue_.top();
    const Member& member = members_[entry.host];
    const bool is_void = entry.version != member.version;
    if (!is_void && member.host.due() == entry.due) return;
    queue_.pop();
    if (!is_void) schedule(entry.host);
  }
}

std::optional<Moment> GroupProbing::due() {
  settle();
  if (queue_.empty()) return std::nullopt;
  return queue_.top().due;
}

std::optional<GroupProbing::Due> GroupProbing::next(Moment now) {
  for (auto moment = due(); moment && *moment <= now; moment = due()) {
    const std::size_t number = queue_.top().host;
    const auto probe = members_[number].host.next(now);
    if (probe) return Due{.host = number, .probe = *probe};
    // It gave a probe up, and is due later or no more.
  }
  return std::nullopt;
}

void GroupProbing::sent(const Due& due, Moment at) { members_[due.host].host.sent(due.probe, at); }

std::optional<std::size_t> GroupProbing::receive(std::span<const std::byte> packet) {
  if (packet.size() < wire::kIpSize) return std::nullopt;
  const auto found = by_address_.find(wire::read32(packet.data() + wire::kIpSource));
  if (found == by_address_.end() || !members_[found->second].host.receive(packet))
    return std::nullopt;
  // Nothing else would look at it before the time of an answer that is there already.
  if (members_[found->second].host.is_complete()) schedule(found->second);
  return found->second;
}

void GroupProbing::set_timeout(std::size_t number, Moment timeout) {
  members_[number].host.set_timeout(timeout);
  schedule(number);
}

void GroupProbing::begin_round(std::size_t number, Moment start) {
  members_[number].host.begin_round(start);
  schedule(number);
}

}  // namespace trawl::osfp
