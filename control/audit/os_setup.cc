#include "control/audit/os_setup.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "control/audit/audit_setup.h"
#include "control/audit/engine/os_probe_thread.h"
#include "control/os/os_database_file.h"

namespace trawl::control {
namespace {

using Warn = std::function<void(std::string_view)>;

// "x86_64-linux-gnu"
std::string platform() {
  utsname names{};
  (void)::uname(&names);
  return fmt::format("{}-linux-gnu", names.machine);
}

}  // namespace

void settle_aggressive(AuditOptions& options) {
  if (!options.is_aggressive) return;
  options.version.is_wanted = true;
  options.scripts.are_wanted = true;
  if (!may_send_raw(options) || !options.proxies.empty()) return;
  options.traceroute = true;
  options.os.is_wanted = true;
}

AuditResult<void> check_os(const AuditOptions& options, bool raw) {
  if (!options.os.is_wanted) return {};
  if (options.ping_only || options.list_only) {
    return bad_value(
        "WARNING: OS Scan is unreliable without a port scan.  You need to use a scan type along "
        "with it, such as -sS, -sT, -sF, etc instead of -sn");
  }
  if (!raw) {
    return bad_value(
        "TCP/IP fingerprinting (for OS scan) requires root privileges (CAP_NET_RAW), and no "
        "proxies.");
  }
  if (options.ipv6 && options.os.per_port) {
    return bad_value(
        "--os-per-port compares ports over IPv4 only: leave it or -6 out of the command.");
  }
  return {};
}

void choose_os(const AuditOptions& options, std::string_view program_version, AuditPlan& plan,
               const Warn& warn) {
  plan.os = options.os;
  if (!options.os.is_wanted) return;
  if (std::ranges::find(plan.types, ScanType::IpProtocol) != plan.types.end()) {
    warn("WARNING: Disabling OS Scan (-O) as it is incompatible with the IPProto Scan (-sO)");
    return;
  }
  if (options.bounce) {
    warn(
        "Combining bounce scan with OS scan seems silly, but I will let you do whatever you want!");
  }
  if (options.ipv6 && options.os.guesses) {
    warn(
        "WARNING: --osscan-guess is ignored: over IPv6 a system is named or not, without guesses.");
  }
  const osfp::OsDetail detail =
      options.debugging > 0 ? osfp::OsDetail::Debug : osfp::OsDetail::Plain;
  plan.os_stage = [version = std::string{program_version}, datadir = options.datadir, detail,
                   is_v6 = options.ipv6](const AuditPlan& chosen,
                                         bool traces) -> Result<std::unique_ptr<OsStage>> {
    auto prober = OsProbeThread::open(
        {.network = chosen.network, .decoys = chosen.decoys, .max_rate = chosen.timing.max_rate},
        traces);
    if (!prober) return Failure{prober.error()};
    OsStage::Options settings{.settings = chosen.os,
                              .timing_level = chosen.timing.level,
                              .version = version,
                              .platform = platform(),
                              .model6 = nullptr};
    std::unique_ptr<OsJudge> judge;
    if (is_v6) {
      auto model = open_os_model6(datadir);
      if (!model) return Failure{model.error()};
      settings.model6 = std::move(*model);
    } else {
      auto opened = OsJudgeThread::open(
          [datadir](const auto& tell) { return open_os_scorer(datadir, tell); }, detail);
      if (!opened) return Failure{opened.error()};
      judge = std::move(*opened);
    }
    return std::make_unique<OsStage>(std::move(settings), std::move(*prober), std::move(judge));
  };
}

}  // namespace trawl::control
