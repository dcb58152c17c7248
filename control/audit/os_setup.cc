#include "control/audit/os_setup.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <memory>
#include <string>
#include <utility>

#include "control/audit/engine/os_probe_thread.h"
#include "control/os/os_database_file.h"

namespace trawl::control {
namespace {

// "x86_64-linux-gnu"
std::string platform() {
  utsname names{};
  (void)::uname(&names);
  return fmt::format("{}-linux-gnu", names.machine);
}

}  // namespace

AuditResult<void> check_os(const AuditOptions& options, bool raw) {
  if (!options.os.is_wanted) return {};
  if (!raw) {
    return bad_value(
        "TCP/IP fingerprinting (for OS scan) requires root privileges (CAP_NET_RAW), and no "
        "proxies.");
  }
  if (options.ipv6) {
    return bad_value("OS detection over IPv6 is not possible yet; -O works over IPv4.");
  }
  return {};
}

void choose_os(const AuditOptions& options, std::string_view program_version, AuditPlan& plan) {
  plan.os = options.os;
  if (!options.os.is_wanted || options.ping_only || options.list_only) return;
  const osfp::OsDetail detail =
      options.debugging > 0 ? osfp::OsDetail::Debug : osfp::OsDetail::Plain;
  plan.os_stage = [version = std::string{program_version}, datadir = options.datadir, detail](
                      const AuditPlan& chosen, bool traces) -> Result<std::unique_ptr<OsStage>> {
    auto prober = OsProbeThread::open(
        {.network = chosen.network, .decoys = chosen.decoys, .max_rate = chosen.timing.max_rate},
        traces);
    if (!prober) return Failure{prober.error()};
    auto judge = OsJudgeThread::open(
        [datadir](const auto& warn) { return open_os_scorer(datadir, warn); }, detail);
    if (!judge) return Failure{judge.error()};
    return std::make_unique<OsStage>(OsStage::Options{.settings = chosen.os,
                                                      .timing_level = chosen.timing.level,
                                                      .version = version,
                                                      .platform = platform()},
                                     std::move(*prober), std::move(*judge));
  };
}

}  // namespace trawl::control
