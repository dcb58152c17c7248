#include "control/audit/service_setup.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "control/audit/ports/data_file.h"
#include "control/pipeline/service_thread.h"
#include "control/pipeline/version_worker.h"
#include "service/probes/probe_source.h"
#include "service/rpc/rpc_table.h"
#include "service/version/version_scan.h"

namespace trawl::control {
namespace {

using Warn = std::function<void(std::string_view)>;

// How much at once: what -T and --max-parallelism say of probes counts for connections.
void limit_parallelism(const Timing& timing, service::VersionSettings& settings) noexcept {
  constexpr int kSneaky = 1;
  constexpr int kPolite = 2;
  constexpr unsigned kPoliteHost = 2;
  if (timing.level <= kPolite) settings.per_host = kPoliteHost;
  if (timing.level <= kSneaky) {
    settings.per_host = 1;
    settings.most_ports = 1;
  }
  if (timing.max_parallelism != 0) {
    settings.most_ports = timing.max_parallelism;
    settings.per_host = settings.per_host == 0
                            ? timing.max_parallelism
                            : std::min(settings.per_host, timing.max_parallelism);
  }
  if (settings.per_host != 0)
    settings.parallelism = std::min(settings.parallelism, settings.per_host);
}

// The first nmap-rpc that can be read and names programs; our own table where there is none.
std::shared_ptr<const service::RpcTable> rpc_programs(const std::string& datadir) {
  for (const std::string& folder : data_folders(datadir)) {
    auto table = service::read_rpc_table(fmt::format("{}/nmap-rpc", folder));
    if (table) return std::make_shared<const service::RpcTable>(std::move(*table));
  }
  return service::builtin_rpc_table();
}

bool is_possible(const AuditOptions& options, const AuditPlan& plan, const Warn& warn) {
  if (!options.version.is_wanted) return false;
  if (options.version.is_old_name) {
    warn(
        "WARNING: -sR is now an alias for -sV and activates version detection as well as RPC "
        "scan.");
  }
  if (options.ping_only || options.list_only || options.lists_interfaces) return false;
  const auto scans = [&plan](ScanType type) {
    return std::ranges::find(plan.types, type) != plan.types.end();
  };
  if (scans(ScanType::IpProtocol)) {
    warn("WARNING: Disabling Service Scan (-sV) as it is incompatible with the IPProto Scan (-sO)");
    return false;
  }
  if (scans(ScanType::Idle) || scans(ScanType::Bounce)) {
    warn("WARNING: version detection (-sV) connects to open ports from this machine itself.");
  }
  return true;
}

service::VersionSettings settings_of(const AuditOptions& options, const AuditPlan& plan,
                                     std::string_view program_version) {
  service::VersionSettings settings;
  settings.intensity = options.version.intensity;
  settings.all_ports = options.version.all_ports;
  settings.is_strict = options.version.is_strict;
  settings.parallelism = options.version.is_strict ? 1 : options.version.parallelism;
  settings.program_version = std::string{program_version};
  settings.sockets.from = plan.network.source;
  settings.sockets.device = options.interface;
  settings.rpc_programs = rpc_programs(options.datadir);
  limit_parallelism(plan.timing, settings);
  return settings;
}

}  // namespace

AuditResult<void> choose_services(const AuditOptions& options, std::string_view program_version,
                                  AuditPlan& plan, const Warn& warn) {
  if (!is_possible(options, plan, warn)) return {};
  auto file = service::load_probes({.path = options.version.database, .datadir = options.datadir});
  if (!file) return bad_value(file.error().message);
  const auto probes = std::make_shared<const service::ProbeFile>(std::move(*file));
  tell_problems(probes->path, probes->problems, warn);
  service::VersionSettings settings = settings_of(options, plan, program_version);
  service::LoopOptions loop;
  loop.proxies = plan.proxies;
  if (plan.network.guard) {
    loop.may_send = [guard = plan.network.guard](const IpAddress& ip) { return guard->allows(ip); };
  }
  // Only one format tells them, and a host may have 65535 open ports.
  const bool tells_responses =
      std::ranges::find(options.outputs, AuditOptions::Output::Format::Json,
                        &AuditOptions::Output::format) != options.outputs.end();
  plan.services = [probes, settings, loop, tells_responses](
                      std::chrono::steady_clock::time_point began,
                      bool traces) -> Result<std::unique_ptr<ServiceAsker>> {
    ServiceThread::Settings thread{.loop = loop,
                                   .make = version_workers(probes, settings, tells_responses),
                                   .traces = traces,
                                   .began = began};
    // The other half is for the connections of port scans.
    thread.loop.most_sockets = half_of_descriptors();
    auto opened = ServiceThread::open(std::move(thread));
    if (!opened) return Failure{opened.error()};
    return std::move(*opened);
  };
  return {};
}

}  // namespace trawl::control
