#include "control/audit/list_scan.h"

#include <utility>
#include <vector>

#include "service/dns/name_resolver.h"

namespace trawl::control {
namespace {

constexpr std::size_t kNamesTogether = 256;

}  // namespace

Result<void> list_targets(TargetList& targets, service::NameResolver* names, AuditReports& reports,
                          AuditTotals& totals) {
  for (;;) {
    std::vector<HostReport> group;
    std::vector<IpAddress> addresses;
    while (group.size() < kNamesTogether) {
      auto target = targets.next();
      if (!target) break;
      addresses.push_back(target->ip);
      HostReport report;
      report.ip = target->ip;
      report.name = std::move(target->name);
      report.others = std::move(target->others);
      group.push_back(std::move(report));
    }
    if (group.empty()) return {};
    if (names != nullptr) {
      std::vector<std::string> found = names->names_of(addresses);
      for (std::size_t i = 0; i < group.size(); ++i) group[i].reverse_name = std::move(found[i]);
    }
    for (const HostReport& report : group) {
      ++totals.hosts;
      if (auto added = reports.add(report); !added) return added;
    }
    totals.tell_time();
    totals.is_running = true;
    const auto flushed = reports.flush(totals);
    totals.is_running = false;
    if (!flushed) return flushed;
  }
}

}  // namespace trawl::control
