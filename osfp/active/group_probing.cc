#include "osfp/active/group_probing.h"

#include <utility>

#include "dataplane/wire.h"

namespace trawl::osfp {

namespace wire = dataplane::wire;

std::size_t GroupProbing::add(HostProbing host) {
  const std::size_t number = members_.size();
  by_address_.emplace(host.series().destination.value(), number);
  members_.push_back({.host = std::move(host)});
  schedule(number);
  return number;
}

void GroupProbing::schedule(std::size_t number) {
  Member& member = members_[number];
  ++member.version;
  if (const auto due = member.host.due()) {
    queue_.push({.due = *due, .host = number, .version = member.version});
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
