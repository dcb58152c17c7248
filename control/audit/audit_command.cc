#include "control/audit/audit_command.h"

#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "control/audit/audit_options.h"
#include "control/audit/list_scan.h"
#include "control/audit/report/audit_reports.h"
#include "control/audit/target_list.h"
#include "control/survey/version.h"
#include "service/dns/name_resolver.h"

namespace trawl::control {
namespace {

constexpr std::string_view kHelp = R"(usage: {0} [options] targets

Options are those of Nmap that trawl knows so far; any other is refused by name.

targets: names, addresses, prefixes, octet ranges (198.18.0-3.1,5,9-20)
  -iL FILE            targets from a file, "-" for standard input
  --exclude LIST      leave these out
  --excludefile FILE  leave out those in a file
  -6                  IPv6
  -n                  no reverse DNS
  --resolve-all       every address of a name
  --unique            each address once
  --randomize-hosts   in random order
scans:
  -sL                 list targets and their names; nothing is sent to them
output:
  -oN, -oX, -oG FILE  normal, XML, grepable; "-" is standard output
  -oA BASE            all three, as BASE.nmap, BASE.xml and BASE.gnmap
  -v, -d              say more
  -V, -h              version, this help
)";

constexpr int kWrongWord = 255;
constexpr int kFailed = 1;

int say(const AuditError& error, std::string_view program) {
  if (error.kind == AuditError::Kind::Word) {
    fmt::print(stderr, "{}\nSee the output of {} -h for a summary of options.\n", error.message,
               program);
    return kWrongWord;
  }
  fmt::print(stderr, "{}\nQUITTING!\n", error.message);
  return kFailed;
}

int say(const Error& error) {
  fmt::print(stderr, "{}\nQUITTING!\n", error.message);
  return kFailed;
}

void warn(std::string_view text) { fmt::print(stderr, "{}\n", text); }

int run(const AuditOptions& options, std::string_view program) {
  const auto resolver = std::make_shared<service::NameResolver>();
  auto targets = TargetList::open(options, resolver, warn);
  if (!targets) return say(targets.error(), program);
  const AuditRun about{.program = std::string{program},
                       .command_line = options.command_line,
                       .started = std::chrono::system_clock::now(),
                       .verbosity = options.verbosity,
                       .debugging = options.debugging};
  auto reports = AuditReports::open(options, about);
  if (!reports) return say(reports.error());
  AuditTotals totals{.started = std::chrono::steady_clock::now(), .now = about.started};
  const auto listed =
      list_targets(*targets, options.reverse_dns ? resolver.get() : nullptr, *reports, totals);
  if (totals.hosts == 0 && listed) warn("WARNING: No targets were specified, so 0 hosts scanned.");
  totals.tell_time();
  const auto closed = reports->close(totals);
  if (!listed) return say(listed.error());
  return closed ? 0 : say(closed.error());
}

}  // namespace

int audit_main(std::span<const char* const> words, std::string_view program) {
  // A failure to write is told, and is no reason to die.
  (void)std::signal(SIGPIPE, SIG_IGN);
  (void)std::signal(SIGXFSZ, SIG_IGN);
  auto parsed = parse_audit_options(words, program);
  if (!parsed) return say(parsed.error(), program);
  if (const auto* const question = std::get_if<AuditQuestion>(&*parsed)) {
    if (*question == AuditQuestion::Version) {
      fmt::print("trawl {}\n", kVersion);
    } else {
      fmt::print(fmt::runtime(kHelp), program);
    }
    return 0;
  }
  return run(std::get<AuditOptions>(*parsed), program);
}

}  // namespace trawl::control
