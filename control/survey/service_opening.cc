#include "control/survey/service_opening.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/cpus.h"
#include "base/log.h"
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

}  // namespace

Result<std::unique_ptr<ServiceTier>> open_services(const SurveyOptions& options,
                                                   const AddressList& blocked,
                                                   std::span<const unsigned> polling) {
  if (!options.services.is_wanted) return nullptr;
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
  service::LoopOptions loop;
  loop.most_sockets = std::max<std::size_t>(half_of_descriptors() / options.services.cores, 8);
  return ServiceTier::open({.threads = options.services.cores,
                            .ports_at_once = options.services.ports_at_once,
                            .cpus = cpus_beside(polling),
                            .loop = std::move(loop),
                            .make = version_workers(probes, std::move(settings), true),
                            .blocked = blocked});
}

}  // namespace trawl::control
