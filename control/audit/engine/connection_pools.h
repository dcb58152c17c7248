#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "control/audit/engine/audit_plan.h"
#include "control/audit/engine/connection_pool.h"

namespace trawl::control {

// The ways to connect that a plan needs: the kernel's own or a chain of proxies, and an FTP server.
//
// Thread: one user.
class ConnectionPools {
 public:
  // Fails with Runtime when the kernel gives no epoll descriptor.
  [[nodiscard]] static Result<ConnectionPools> open(
      const AuditPlan& plan, const std::function<void(std::string_view)>& warn);

  // The one for probes of this kind. Needs is_connection(kind), and a plan that has them.
  [[nodiscard]] ConnectionPool& of(ProbeKind kind) noexcept {
    return kind == ProbeKind::Bounce ? *bounces_ : *connects_;
  }
  // Whether probes that had to wait may find room now.
  [[nodiscard]] bool has_room() const noexcept {
    return connects_->has_room() || (bounces_ && bounces_->has_room());
  }
  void trace(const ConnectionPool::Trace& trace);
  void poll(Moment now, std::vector<ConnectionPool::Result>& results);
  [[nodiscard]] Moment next_look() const noexcept;
  [[nodiscard]] std::vector<int> fds() const;
  // Why the audit cannot go on; "" while it can.
  [[nodiscard]] std::string_view broken() const noexcept;
  // Connections that could not be tried, told of by one sentence; "" for none.
  [[nodiscard]] std::string failures() const;

 private:
  std::unique_ptr<ConnectionPool> connects_;
  std::unique_ptr<ConnectionPool> bounces_;  // nullptr for none.
};

}  // namespace trawl::control
