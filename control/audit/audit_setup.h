#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "control/audit/audit_options.h"
#include "control/audit/engine/audit_plan.h"
#include "control/audit/ports/protocol_table.h"
#include "control/audit/ports/service_table.h"
#include "control/audit/ports/vendor_table.h"
#include "control/audit/report/host_report.h"
#include "control/audit/report/port_names.h"
#include "service/dns/name_resolver.h"

namespace trawl::control {

// The tables of names that an audit needs.
class AuditTables final : public PortNames {
 public:
  [[nodiscard]] static AuditResult<std::unique_ptr<AuditTables>> load(const AuditOptions& options);

  [[nodiscard]] std::string_view name(PortProtocol protocol, std::uint16_t number) const override;
  [[nodiscard]] const ServiceTable& services() const noexcept { return services_; }
  [[nodiscard]] const ProtocolTable& protocols() const noexcept { return protocols_; }
  [[nodiscard]] const VendorTable& vendors() const noexcept { return vendors_; }

 private:
  AuditTables(ServiceTable services, ProtocolTable protocols, const std::string& datadir)
      : services_{std::move(services)}, protocols_{std::move(protocols)}, vendors_{datadir} {}

  ServiceTable services_;
  ProtocolTable protocols_;
  VendorTable vendors_;
};

// Whether this process may send raw packets: as the user says, by NMAP_PRIVILEGED or
// NMAP_UNPRIVILEGED in the environment, or by capabilities(7).
[[nodiscard]] bool may_send_raw(const AuditOptions& options);

struct AuditSetup {
  AuditPlan plan;
  std::vector<ScanInfo> scans;
  bool scans_ports = false;
};

// What the options mean here and now. Fails in Nmap's words; names of decoys are resolved.
[[nodiscard]] AuditResult<AuditSetup> set_up_audit(
    const AuditOptions& options, const AuditTables& tables, service::NameResolver& resolver,
    const std::function<void(std::string_view)>& warn);

}  // namespace trawl::control
