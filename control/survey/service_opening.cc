#include "control/survey/service_opening.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/cpus.h"
#include "base/log.h"
#include "control/os/os_database_file.h"
#include "control/pipeline/version_worker.h"
#include "control/survey/version.h"
#include "dataplane/link_spec.h"
#include "service/probes/probe_source.h"
#include "service/version/version_scan.h"

namespace trawl::control {
namespace {

Result<service::SocketSettings> sockets_for(const SurveyOptions& options) {
  const auto link = dataplane::LinkSpec::parse(options.link);
  if (!link) return Failure{link.error()};
  const bool has_tap = !options.tap.empty();
  if (!has_tap && link->kernel_interface.empty()) {
    return fail(ExitCode::Usage,
                fmt::format("--service asks with sockets of the kernel, which has no way to --link "
                            "{}; add --tap, or name an interface of the system, such as eth1",
                            link->text));
  }
  service::SocketSettings sockets;
  sockets.device = has_tap ? options.tap : link->kernel_interface;
  if (!options.source_ips.empty()) sockets.from = options.source_ips.front();
  return sockets;
}

// What asks ports, with `loop` for its sockets.
Result<ServiceThread::Make> version_detection(const SurveyOptions& options,
                                              service::LoopOptions& loop) {
  auto sockets = sockets_for(options);
  if (!sockets) return Failure{sockets.error()};
  auto file = service::load_probes({.path = options.services.database});
  if (!file) return Failure{file.error()};
  const auto probes = std::make_shared<const service::ProbeFile>(std::move(*file));
  tell_problems(probes->path, probes->problems,
                [](std::string_view text) { log_warning("{}", text); });
  service::VersionSettings settings;
  settings.intensity = options.services.intensity;
  settings.parallelism = options.services.parallelism;
  settings.most_ports = options.services.ports_at_once;
  settings.program_version = std::string{kVersion};
  settings.sockets = std::move(*sockets);
  settings.rpc_programs = service::builtin_rpc_table();
  loop.most_sockets = std::max<std::size_t>(half_of_descriptors() / options.services.cores, 8);
  return version_workers(probes, std::move(settings), true);
}

// What asks hosts, and ports where `ask_ports` is something.
Result<ServiceThread::Make> os_detection(const SurveyOptions& options, const ServiceNeeds& needs,
                                         ServiceThread::Make ask_ports) {
  auto scorer = open_os_scorer("", [](std::string_view text) { log_warning("{}", text); });
  if (!scorer) return Failure{scorer.error()};
  OsWorkerSettings settings{.most_hosts = options.os.hosts_at_once,
                            .most_rounds = options.os.most_tries,
                            .resets = options.resets,
                            .remembers = needs.has_many_ports,
                            .told_before = needs.told_before,
                            .seed = TscClock::now()};
  settings.keep_rate(needs.most);
  return os_workers(needs.packets, *scorer, std::move(settings), std::move(ask_ports));
}

}  // namespace

Result<std::unique_ptr<ServiceTier>> open_services(const SurveyOptions& options,
                                                   const ServiceNeeds& needs) {
  if (!options.services.is_wanted && !options.os.is_wanted) return nullptr;
  service::LoopOptions loop;
  ServiceThread::Make make;
  if (options.services.is_wanted) {
    auto ask_ports = version_detection(options, loop);
    if (!ask_ports) return Failure{ask_ports.error()};
    make = std::move(*ask_ports);
  }
  if (options.os.is_wanted) {
    auto ask_hosts = os_detection(options, needs, std::move(make));
    if (!ask_hosts) return Failure{ask_hosts.error()};
    make = std::move(*ask_hosts);
  }
  // Hosts wait at who asks them: one may have many ports.
  const bool asks_ports = options.services.is_wanted;
  return ServiceTier::open(
      {.threads = asks_ports ? options.services.cores : 1U,
       .ports_at_once = asks_ports ? options.services.ports_at_once : ServiceTier::kFactsWaiting,
       .cpus = cpus_beside(needs.polling),
       .loop = std::move(loop),
       .make = std::move(make),
       .blocked = needs.blocked});
}

}  // namespace trawl::control
