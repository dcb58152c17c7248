#include "dataplane/exception/exception_path.h"

#include <fmt/format.h>

#include <exception>
#include <utility>

#include "base/log.h"
#include "dataplane/exception/firewall.h"
#include "dataplane/exception/port_users.h"
#include "dataplane/exception/reserved_ports.h"

namespace trawl::dataplane {

Result<ExceptionPath> ExceptionPath::open(const ScanTraffic& traffic, InterfaceClaim& claim) {
  ExceptionPath path{traffic, claim};
  if (!has_ports(traffic.kind)) return path;
  // First: from now on the kernel picks none of them, and what it has picked is there to be seen.
  if (auto done = ReservedPorts::reserve(path.interface_, traffic.ports); done) {
    path.reserved_ = true;
  } else {
    log_warning("{}; connections of this machine may get ports that are scanned from",
                done.error().message);
  }
  if (const auto user = find_disturbed(traffic)) {
    return fail(ExitCode::Device,
                fmt::format("{} port {} is used by another program ('ss -{}anp sport = :{}' names "
                            "it), and would not get its replies while ports {}-{} are scanned "
                            "from; end it, or give other ports with --source-port",
                            user->protocol == Protocol::Udp ? "UDP" : "TCP", user->port,
                            user->protocol == Protocol::Udp ? 'u' : 't', user->port,
                            traffic.ports.first, traffic.ports.last));
  }
  path.had_ports_ = true;
  return path;
}

ExceptionPath::ExceptionPath(ExceptionPath&& other) noexcept
    : traffic_{std::move(other.traffic_)},
      claim_{other.claim_},
      interface_{std::move(other.interface_)},
      table_{std::exchange(other.table_, {})},
      reserved_{std::exchange(other.reserved_, false)},
      had_ports_{std::exchange(other.had_ports_, false)},
      generic_{std::move(other.generic_)} {
  other.generic_.reset();
}

ExceptionPath::~ExceptionPath() {
  if (had_ports_) tell_of_others();
  if (!table_.empty()) (void)remove_firewall_table(table_);
  if (reserved_) (void)ReservedPorts::give_back(interface_);
}

// Whoever asks for a port by its number gets it, reserved or not.
void ExceptionPath::tell_of_others() const noexcept try {
  const auto user = find_disturbed(traffic_);
  if (!user) return;
  log_warning(
      "another program took {} port {} while ports {}-{} were scanned from: the scan lost "
      "nothing by it, and that program got none of its packets",
      user->protocol == Protocol::Udp ? "UDP" : "TCP", user->port, traffic_.ports.first,
      traffic_.ports.last);
} catch (const std::exception&) {
  // It is a courtesy.
}

Result<void> ExceptionPath::filter_in_generic_mode() {
  auto attached = GenericScanFilter::attach(interface_, traffic_);
  if (!attached) return Failure{attached.error()};
  generic_.emplace(std::move(*attached));
  return {};
}

void ExceptionPath::silence_kernel() {
  if (!has_ports(traffic_.kind)) return;  // It takes no part in what answers those probes.
  const std::string table = firewall_table_for(interface_);
  claim_->note_firewall_table(table);
  if (auto done = install_firewall_table(table, interface_, traffic_); !done) {
    log_warning("{}: {}; the kernel will reset connections that probes open", interface_,
                done.error().message);
    return;
  }
  table_ = table;
}

}  // namespace trawl::dataplane
