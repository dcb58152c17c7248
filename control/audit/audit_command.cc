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
#include "control/audit/audit_scan.h"
#include "control/audit/audit_setup.h"
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
  -sn                 discover hosts, scan no ports
  -sS -sT -sU         TCP SYN, TCP connect (needs no privilege), UDP
  -sA -sW -sM         TCP ACK, window, Maimon
  -sN -sF -sX         TCP null, FIN, Xmas
  -sO -sY -sZ         IP protocols, SCTP INIT, SCTP COOKIE-ECHO
  --scanflags FLAGS   flags of TCP probes
  --traceroute        the routers on the way to each host
host discovery:
  -Pn                 all hosts count as up
  -PS -PA -PU -PY[PORTS]  TCP SYN, TCP ACK, UDP, SCTP INIT
  -PE -PP -PM         ICMP echo, time stamp, address mask
  -PO[PROTOCOLS]      IP protocols
  --disable-arp-ping, --discovery-ignore-rst, -R
ports:
  -p PORTS            "22", "1-1000", "U:53,T:21-25,http*", "-" for all
  --exclude-ports PORTS, -F, --top-ports N, --port-ratio R, -r
  --datadir FOLDER, --servicedb FILE
timing:
  -T0 to -T5, --min-rate, --max-rate N, --max-retries N, --host-timeout TIME
  --scan-delay, --max-scan-delay, --min-rtt-timeout, --max-rtt-timeout,
  --initial-rtt-timeout TIME, --min-parallelism, --max-parallelism,
  --min-hostgroup, --max-hostgroup N
packets:
  -f, --mtu N, -D DECOYS, -S ADDRESS, -e INTERFACE, -g, --source-port PORT, --ttl N
  --data HEX, --data-string TEXT, --data-length N, --ip-options OPTIONS
  --spoof-mac MAC, --badsum, --adler32, --send-ip, --send-eth
  --privileged, --unprivileged
output:
  -oN, -oX, -oG, -oJ, -oS FILE  normal, XML, grepable, JSON Lines, script kiddie; "-" is standard
                      output
  -oA BASE            the first three, as BASE.nmap, BASE.xml and BASE.gnmap
  --append-output, --reason, --open, --packet-trace, --stats-every TIME
  --stylesheet URL, --webxml, --no-stylesheet
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

AuditRun run_of(const AuditOptions& options, std::string_view program) {
  AuditRun about;
  about.program = std::string{program};
  about.command_line = options.command_line;
  about.started = std::chrono::system_clock::now();
  about.verbosity = options.verbosity;
  about.debugging = options.debugging;
  about.shows_reasons = options.shows_reasons || options.debugging > 0;
  about.only_open = options.only_open;
  about.names_downs = options.verbosity > 0;
  about.stylesheet = options.stylesheet;
  return about;
}

int run_list(const AuditOptions& options, std::string_view program, TargetList& targets,
             const std::shared_ptr<service::NameResolver>& resolver) {
  const AuditRun about = run_of(options, program);
  auto reports = AuditReports::open(options, about, {.names = nullptr, .appends = options.appends});
  if (!reports) return say(reports.error());
  AuditTotals totals;
  totals.started = std::chrono::steady_clock::now();
  totals.now = about.started;
  const auto listed =
      list_targets(targets, options.reverse_dns ? resolver.get() : nullptr, *reports, totals);
  if (totals.hosts == 0 && listed) warn("WARNING: No targets were specified, so 0 hosts scanned.");
  totals.tell_time();
  const auto closed = reports->close(totals);
  if (!listed) return say(listed.error());
  return closed ? 0 : say(closed.error());
}

int run(const AuditOptions& options, std::string_view program) {
  const auto resolver = std::make_shared<service::NameResolver>();
  auto tables = AuditTables::load(options);
  if (!tables) return say(tables.error(), program);
  auto setup = set_up_audit(options, **tables, *resolver, warn);
  if (!setup) return say(setup.error(), program);
  auto targets = TargetList::open(options, resolver, warn);
  if (!targets) return say(targets.error(), program);
  if (options.list_only) return run_list(options, program, *targets, resolver);
  AuditRun about = run_of(options, program);
  about.scans = setup->scans;
  auto reports =
      AuditReports::open(options, about, {.names = tables->get(), .appends = options.appends});
  if (!reports) return say(reports.error());
  AuditScan scan{options, **tables, *reports};
  return scan.run(std::move(setup->plan), *targets, program);
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
