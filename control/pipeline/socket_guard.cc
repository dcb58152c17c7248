#include "control/pipeline/socket_guard.h"

#include <utility>

namespace trawl::control {
namespace {

bool has(const AddressList& list, const IpAddress& ip) {
  return ip.is_v4() ? list.v4.contains(ip.v4()) : list.v6.contains(ip.v6());
}

}  // namespace

void SocketGuard::replace(AddressList blocked, AddressList skipped) {
  auto next = std::make_shared<const Lists>(Lists{std::move(blocked), std::move(skipped)});
  {
    const std::lock_guard lock{mutex_};
    lists_.swap(next);
  }
  generation_.fetch_add(1, std::memory_order_release);
}

std::shared_ptr<const SocketGuard::Lists> SocketGuard::lists() const {
  const std::lock_guard lock{mutex_};
  return lists_;
}

bool SocketGuard::allows(const IpAddress& ip) const {
  const auto now = lists();
  return !has(now->blocked, ip) && !has(now->skipped, ip);
}

bool SocketGuard::is_blocked(const IpAddress& ip) const { return has(lists()->blocked, ip); }

}  // namespace trawl::control
