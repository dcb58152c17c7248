#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "base/ip.h"
#include "control/steward/address_list.h"

namespace trawl::control {

// Which addresses the sockets of service threads must not reach: the egress guard of what leaves
// through the kernel. Made of the blocklist alone, as that of the polling cores.
//
// Thread: any. Cost: a lock and two binary searches; asked once a connection.
class SocketGuard {
 public:
  explicit SocketGuard(AddressList blocked)
      : lists_{std::make_shared<const Lists>(Lists{std::move(blocked), {}})} {}

  // In force for every connection that begins from now on. `skipped` are those that it makes no
  // sense to ask, and who may be told so.
  void replace(AddressList blocked, AddressList skipped = {});
  // Neither blocked nor skipped.
  [[nodiscard]] bool allows(const IpAddress& ip) const;
  [[nodiscard]] bool is_blocked(const IpAddress& ip) const;
  // Another number after each replace().
  [[nodiscard]] std::uint64_t generation() const noexcept {
    return generation_.load(std::memory_order_acquire);
  }

 private:
  struct Lists {
    AddressList blocked;
    AddressList skipped;
  };
  [[nodiscard]] std::shared_ptr<const Lists> lists() const;

  mutable std::mutex mutex_;
  std::shared_ptr<const Lists> lists_;
  std::atomic<std::uint64_t> generation_{0};
};

}  // namespace trawl::control
