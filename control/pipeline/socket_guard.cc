#include "control/pipeline/socket_guard.h"

#include <utility>

namespace trawl::control {

void SocketGuard::replace(AddressList blocked) {
  auto next = std::make_shared<const AddressList>(std::move(blocked));
  {
    const std::lock_guard lock{mutex_};
    blocked_.swap(next);
  }
  generation_.fetch_add(1, std::memory_order_release);
}

bool SocketGuard::allows(const IpAddress& ip) const {
  std::shared_ptr<const AddressList> blocked;
  {
    const std::lock_guard lock{mutex_};
    blocked = blocked_;
  }
  return ip.is_v4() ? !blocked->v4.contains(ip.v4()) : !blocked->v6.contains(ip.v6());
}

}  // namespace trawl::control
