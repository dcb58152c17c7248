#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/ip.h"
#include "control/audit/audit_options.h"
#include "control/audit/engine/audit_plan.h"
#include "control/steward/address_list.h"
#include "control/steward/configuration.h"
#include "dataplane/packet/packet_guard.h"

namespace trawl::control {

// Whom an audit may send to: nobody on the lists of trawl.conf(5), and, where a scope is named
// there or by --scope, nobody outside of it.
//
// Thread: immutable once made.
class AuditScope {
 public:
  // Reads the lists. Fails in a sentence: a list that cannot be read, a scope that is none.
  [[nodiscard]] static AuditResult<AuditScope> load(const AuditOptions& options,
                                                    const Configuration& configuration);

  // Everybody, as far as this goes.
  AuditScope() = default;

  [[nodiscard]] bool has_limits() const noexcept { return has_limits_; }
  [[nodiscard]] bool has_scope() const noexcept { return scope_.has_value(); }
  // Needs has_scope().
  [[nodiscard]] const AddressList& scope() const noexcept { return *scope_; }
  [[nodiscard]] bool is_blocked(const IpAddress& address) const;
  [[nodiscard]] bool is_outside(const IpAddress& address) const;
  // Those a scope allows that are not blocked; nullopt without a scope.
  [[nodiscard]] std::optional<Ipv4Set> allowed_v4() const;
  // Checks the same at the last moment, with tables of its own; nullptr without limits.
  [[nodiscard]] std::shared_ptr<const dataplane::PacketGuard> guard() const;

 private:
  bool has_limits_ = false;
  AddressList blocked_;
  std::optional<AddressList> scope_;
};

// Fails when the plan sends by way of somebody it must not reach: a proxy, an FTP server, a zombie,
// a source route.
[[nodiscard]] AuditResult<void> check_ways(const AuditPlan& plan);

// Holds --max-rate and --min-rate to the highest rate of the configuration. Fails when one of them
// asks for more.
[[nodiscard]] AuditResult<void> limit_audit_rate(const Configuration& configuration,
                                                 Timing& timing);

}  // namespace trawl::control
