#pragma once

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "control/audit/audit_options.h"
#include "control/audit/audit_setup.h"
#include "control/audit/engine/probe_set.h"

namespace trawl::control {

// The probes of one scan, in the order in which they are sent.
[[nodiscard]] std::shared_ptr<const ProbeSet> scan_of_ports(ScanType type,
                                                            std::vector<std::uint16_t> ports,
                                                            const AuditOptions& options,
                                                            std::mt19937_64& random);

// The scans of targets that have ports of their own: each list of ports as -p takes it, for the
// scans that the command line asks for. What --exclude-ports names is left out.
//
// Thread: one user.
class HostPorts {
 public:
  using Warn = std::function<void(std::string_view)>;

  // `types`: of the scans, in their order.
  HostPorts(const AuditOptions& options, const AuditTables& tables, std::vector<ScanType> types,
            Warn warn)
      : options_{options}, tables_{tables}, types_{std::move(types)}, warn_{std::move(warn)} {}

  // Fails in Nmap's words. Lists that were asked for before cost little.
  [[nodiscard]] AuditResult<std::shared_ptr<const ScanList>> plan(
      const std::vector<std::string>& ports);

 private:
  [[nodiscard]] AuditResult<std::shared_ptr<const ScanList>> make(
      const std::vector<std::string>& ports);

  const AuditOptions& options_;
  const AuditTables& tables_;
  std::vector<ScanType> types_;
  Warn warn_;
  bool has_warned_ = false;
  std::mt19937_64 random_{std::random_device{}()};
  std::unordered_map<std::string, std::shared_ptr<const ScanList>> known_;
};

}  // namespace trawl::control
