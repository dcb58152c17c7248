#include "control/survey/service_opening.h"

#include <fmt/format.h>

#include <algorithm>
#include <bitset>
#include <charconv>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include "base/log.h"
#include "control/pipeline/version_worker.h"
#include "control/survey/version.h"
#include "dataplane/link_spec.h"
#include "service/probes/probe_source.h"
#include "service/version/version_scan.h"

namespace trawl::control {
namespace {

// Of a file under /proc; "" where it cannot be read.
std::string text_of(const char* path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

// Numbers of `text`, whatever is between them.
template <typename Take>
void for_each_number(std::string_view text, Take take) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  while (!text.empty()) {
    if (!is_digit(text.front())) {
      text.remove_prefix(1);
      continue;
    }
    unsigned number = 0;
    const char* const end = text.data() + text.size();
    const char* const stop = std::from_chars(text.data(), end, number).ptr;
    const auto length = static_cast<std::size_t>(stop - text.data());
    take(std::min(number, 65535U), length < text.size() && text[length] == '-');
    text.remove_prefix(length);
  }
}

Result<void> check_source_ports(const SurveyOptions& options) {
  const std::string range = text_of("/proc/sys/net/ipv4/ip_local_port_range");
  const std::string reserved = text_of("/proc/sys/net/ipv4/ip_local_reserved_ports");
  if (!may_be_given(options.source_ports, range, reserved)) return {};
  return fail(ExitCode::Usage,
              fmt::format("--source-port {}-{}: Linux may give these ports to the connections of "
                          "--service (see ip_local_port_range); give others, or reserve them in "
                          "ip_local_reserved_ports",
                          options.source_ports.first, options.source_ports.last));
}

Result<service::SocketSettings> sockets_for(const SurveyOptions& options) {
  const auto link = dataplane::LinkSpec::parse(options.link);
  if (!link) return Failure{link.error()};
  if (link->kernel_interface.empty()) {
    return fail(ExitCode::Usage,
                fmt::format("--service asks with sockets of the kernel, which has no way to --link "
                            "{}; name an interface of the system, such as eth1",
                            link->text));
  }
  service::SocketSettings sockets;
  sockets.device = link->kernel_interface;
  if (!options.source_ips.empty()) sockets.from = options.source_ips.front();
  return sockets;
}

}  // namespace

bool may_be_given(PortRange ports, std::string_view range, std::string_view reserved) noexcept {
  unsigned first = 0;
  unsigned last = 0;
  for_each_number(range, [&](unsigned number, bool) {
    first = last == 0 && first == 0 ? number : first;
    last = number;
  });
  std::bitset<65536> kept;
  unsigned from = 0;
  bool is_range = false;
  for_each_number(reserved, [&](unsigned number, bool begins) {
    if (!is_range) from = number;
    for (unsigned port = from; port <= number; ++port) kept.set(port);
    is_range = begins;
  });
  for (unsigned port = std::max<unsigned>(ports.first, first);
       port <= std::min<unsigned>(ports.last, last); ++port) {
    if (!kept.test(port)) return true;
  }
  return false;
}

Result<std::unique_ptr<ServiceTier>> open_services(const SurveyOptions& options,
                                                   const AddressList& blocked) {
  if (!options.services.is_wanted) return nullptr;
  auto sockets = sockets_for(options);
  if (!sockets) return Failure{sockets.error()};
  if (auto apart = check_source_ports(options); !apart) return Failure{apart.error()};
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
                            .loop = std::move(loop),
                            .make = version_workers(probes, std::move(settings), true),
                            .blocked = blocked});
}

}  // namespace trawl::control
