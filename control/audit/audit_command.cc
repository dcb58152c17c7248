#include "control/audit/audit_command.h"

#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "control/audit/audit_options.h"
#include "control/audit/audit_scan.h"
#include "control/audit/audit_scope.h"
#include "control/audit/audit_setup.h"
#include "control/audit/complain.h"
#include "control/audit/host_ports.h"
#include "control/audit/interface_list.h"
#include "control/audit/list_scan.h"
#include "control/audit/os_setup.h"
#include "control/audit/report/audit_reports.h"
#include "control/audit/report/report_text.h"
#include "control/audit/resume/resume_plan.h"
#include "control/audit/service_setup.h"
#include "control/audit/target_list.h"
#include "control/audit/through/through_setup.h"
#include "control/scripts/script_help.h"
#include "control/scripts/script_setup.h"
#include "control/survey/text.h"
#include "control/survey/version.h"
#include "service/dns/name_resolver.h"

namespace trawl::control {
namespace {

constexpr std::string_view kHelp = R"(usage: {0} [options] targets

Options are those of Nmap that trawl knows so far; any other is refused by name.

targets: names, addresses, prefixes, octet ranges (198.18.0-3.1,5,9-20)
  -iL FILE            targets from a file, "-" for standard input; also with ports of their own:
                      198.18.0.1:22,80  [2001:db8::1]:443
  -iR N               N random hosts of the scope, 0 for no end
  --scope LIST        nothing is sent outside of these prefixes
  --exclude LIST      leave these out
  --excludefile FILE  leave out those in a file
  -6                  IPv6
  -n                  no reverse DNS
  --dns-servers A,B   ask these name servers for the names of addresses
  --system-dns        ask the system's resolver for names and addresses
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
  -sI ZOMBIE[:PORT]   idle scan: open ports by the IP identifiers of another host
  --scanflags FLAGS   flags of TCP probes
  -b [USER[:PASSWORD]@]SERVER[:PORT]  TCP by an FTP server that connects for others
  --proxies URL[,URL...]  -sT through http://, socks4://, socks5://[USER:PASSWORD@]HOST:PORT
  --traceroute        the routers on the way to each host
host discovery:
  -Pn                 all hosts count as up
  -PS -PA -PU -PY[PORTS]  TCP SYN, TCP ACK, UDP, SCTP INIT
  -PE -PP -PM         ICMP echo, time stamp, address mask
  -PO[PROTOCOLS]      IP protocols
  --disable-arp-ping, --discovery-ignore-rst, -R
versions:
  -sV, -sR            ask open ports who they are: service, product, version
  --version-intensity N, --version-light, --version-all  probes up to this rarity, 0 to 9
                      (7); 2; 9
  --version-parallelism N  connections to a port at once (3)
  --strict-nmap       one connection after the other, as Nmap does
  --allports          ports that the probe file excludes too
  --versiondb FILE    another probe file
  --version-trace     what is asked, and what comes of it
operating systems:
  -O                  which operating system a host runs, by how it answers
  --osscan-limit      only of hosts with an open and a closed TCP port
  --osscan-guess, --fuzzy  tell what comes close as well
  --max-os-tries N    rounds of tests, 1 to 50 (5 under good conditions, else 2)
  --os-per-port       -O, and the TCP tests against each open port by itself
  -A                  -O, -sV, -sC and --traceroute
scripts:
  -sC                 those of the category "default"
  --script CHOICE     categories, names with "*", and, or, not, files, folders/; "+" forces
  --script-args LIST, --script-args-file FILE  what they are told: name=value,...
  --script-timeout TIME  each runs so long at most
  --script-cores N    Lua states side by side, each with its share of the hosts (1)
  --script-trace      what their sockets do
  --script-help CHOICE  what these are for; nothing is scanned
  --script-updatedb   make script.db anew from the scripts beside it
  --script-sandbox, --no-script-sandbox  whether scripts outside of the data folders are kept from
                      running programs and writing files; they are unless told otherwise
ports:
  -p PORTS            "22", "1-1000", "U:53,T:21-25,http*", "-" for all
  --exclude-ports PORTS, -F, --top-ports N, --port-ratio R, -r
  --datadir FOLDER, --servicedb FILE
timing:
  -T0 to -T5, --min-rate, --max-rate N, --max-retries N, --host-timeout TIME
  --scan-delay, --max-scan-delay, --min-rtt-timeout, --max-rtt-timeout,
  --initial-rtt-timeout TIME, --min-parallelism, --max-parallelism,
  --min-hostgroup, --max-hostgroup N, --defeat-rst-ratelimit, --defeat-icmp-ratelimit
packets:
  -f, --mtu N, -D DECOYS, -S ADDRESS, -e INTERFACE, -g, --source-port PORT, --ttl N
  --data HEX, --data-string TEXT, --data-length N, --ip-options OPTIONS
  --spoof-mac MAC, --badsum, --adler32, --send-ip, --send-eth
  --privileged, --unprivileged
output:
  -oN, -oX, -oG, -oJ, -oS FILE  normal, XML, grepable, JSON Lines, script kiddie; "-" is standard
                      output
  -oA BASE            the first three, as BASE.nmap, BASE.xml and BASE.gnmap
  --resume FILE       go on with the scan that wrote this report (normal, XML, grepable or
                      JSON Lines) and was stopped; the only option then
  --iflist            interfaces and routes of this machine; nothing is scanned
  --append-output, --reason, --open, --packet-trace, --stats-every TIME
  --noninteractive    keys do nothing while it runs; otherwise "?" tells what they do
  --stylesheet URL, --webxml, --no-stylesheet, --log-errors, --release-memory
  -v, -d              say more
  -V, -h              version, this help
)";

constexpr int kWrongWord = 255;
constexpr int kFailed = 1;

int say(const AuditError& error, std::string_view program) {
  if (error.kind == AuditError::Kind::Word) {
    complain(fmt::format("{}\nSee the output of {} -h for a summary of options.\n", error.message,
                         program));
    return kWrongWord;
  }
  complain(fmt::format("{}\nQUITTING!\n", error.message));
  return kFailed;
}

int say(const Error& error) {
  complain(fmt::format("{}\nQUITTING!\n", error.message));
  return kFailed;
}

// Warnings go to standard error, and to the normal files, which may be opened later.
class Complaints {
 public:
  void operator()(std::string_view text) {
    complain(fmt::format("{}\n", text));
    if (reports_ == nullptr) {
      early_.emplace_back(text);
    } else {
      (void)reports_->complain(text);  // A flush fails for the same reason, and is looked at.
    }
  }
  // Those from before there are reports.
  [[nodiscard]] const std::vector<std::string>& early() const noexcept { return early_; }
  void go_to(AuditReports& reports) noexcept { reports_ = &reports; }

 private:
  std::vector<std::string> early_;
  AuditReports* reports_ = nullptr;
};

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

// The file that more than one report is to be written to, "" for none.
std::string output_named_twice(const AuditOptions& options) {
  for (auto output = options.outputs.begin(); output != options.outputs.end(); ++output) {
    const bool is_file = output->path != "-" && !output->path.starts_with("/dev/");
    const bool again = std::ranges::find(output + 1, options.outputs.end(), output->path,
                                         &AuditOptions::Output::path) != options.outputs.end();
    if (is_file && again) return output->path;
  }
  return {};
}

int run_interface_list(const AuditOptions& options, std::string_view program,
                       const Complaints& warn) {
  const auto text = interface_list();
  if (!text) return say(text.error());
  const auto written = AuditReports::write_alone(
      options, run_of(options, program),
      {.names = nullptr, .appends = options.appends, .complaints = warn.early()}, *text);
  return written ? 0 : say(written.error());
}

int run_script_help(const AuditOptions& options, std::string_view program, const Complaints& warn) {
  const auto text = script_help(options);
  if (!text) return say(text.error());
  const auto written = AuditReports::write_alone(
      options, run_of(options, program),
      {.names = nullptr, .appends = options.appends, .complaints = warn.early()}, *text);
  return written ? 0 : say(written.error());
}

int run_list(const AuditOptions& options, std::string_view program, TargetList& targets,
             Complaints& warn) {
  const AuditRun about = run_of(options, program);
  auto reports = AuditReports::open(
      options, about, {.names = nullptr, .appends = options.appends, .complaints = warn.early()});
  if (!reports) return say(reports.error());
  warn.go_to(*reports);
  std::optional<service::NameResolver> names;
  if (wants_reverse_dns(options)) names.emplace(options.names);
  AuditTotals totals;
  totals.started = std::chrono::steady_clock::now();
  totals.now = about.started;
  const auto listed = list_targets(targets, names ? &*names : nullptr, *reports, totals);
  if (totals.hosts == 0 && listed) warn("WARNING: No targets were specified, so 0 hosts scanned.");
  targets.tell_left_out();
  totals.tell_time();
  const auto closed = reports->close(totals);
  if (!listed) return say(listed.error());
  return closed ? 0 : say(closed.error());
}

int run(AuditOptions options, std::string_view program, const ResumePlan& before = ResumePlan{}) {
  Complaints complaints;
  const auto warn = [&complaints](std::string_view text) { complaints(text); };
  if (!options.scripts.help.empty()) return run_script_help(options, program, complaints);
  if (options.scripts.updates_database) {
    const auto done = update_script_database(options);
    if (!done) return say(done.error());
    fmt::print("{}\n", printable(*done));
    if (options.targets.empty() && options.target_files.empty() && !options.random_targets)
      return 0;
  }
  settle_aggressive(options);
  // Servers of one's own are for the names of addresses, as in Nmap.
  const auto resolver = std::make_shared<service::NameResolver>(
      service::NameSettings{.servers = {}, .asks_system = options.names.asks_system});
  auto tables = AuditTables::load(options);
  if (!tables) return say(tables.error(), program);
  auto setup = set_up_audit(options, **tables, *resolver, warn);
  if (!setup) return say(setup.error(), program);
  const auto configuration = load_configuration();
  if (!configuration) return say(configuration.error());
  if (auto limited = limit_audit_rate(*configuration, setup->plan.timing); !limited) {
    return say(limited.error(), program);
  }
  auto scope = AuditScope::load(options, *configuration);
  if (!scope) return say(scope.error(), program);
  setup->plan.network.guard = scope->guard();
  if (auto checked = check_ways(setup->plan); !checked) return say(checked.error(), program);
  if (auto chosen = choose_services(options, kVersion, setup->plan, warn); !chosen) {
    return say(chosen.error(), program);
  }
  choose_os(options, kVersion, setup->plan, warn);
  if (auto chosen = choose_scripts(options, tables->get(), setup->plan, warn); !chosen) {
    return say(chosen.error(), program);
  }
  auto targets = TargetList::open(options, resolver, *scope, warn);
  if (!targets) return say(targets.error(), program);
  targets->skip(before.finished);
  if (options.lists_interfaces) return run_interface_list(options, program, complaints);
  if (options.list_only) return run_list(options, program, *targets, complaints);
  if (const auto twice = output_named_twice(options); !twice.empty()) {
    return say(AuditError{AuditError::Kind::Value,
                          fmt::format("Two reports cannot be written to {}.", twice)},
               program);
  }
  AuditRun about = run_of(options, program);
  about.scans = setup->scans;
  about.detects_versions = static_cast<bool>(setup->plan.services);
  about.detects_os = static_cast<bool>(setup->plan.os_stage);
  about.guesses_os = options.os.guesses;
  auto reports = AuditReports::open(options, about,
                                    {.names = tables->get(),
                                     .appends = options.appends,
                                     .continued = before.outputs,
                                     .complaints = complaints.early()});
  if (!reports) return say(reports.error());
  complaints.go_to(*reports);
  HostPorts ports{options, **tables, setup->plan.types,
                  [&targets](std::string_view text) { targets->warn(text); }};
  if (setup->scans_ports) {
    targets->plan_ports_with([&ports](const auto& lists) { return ports.plan(lists); });
  }
  AuditScan scan{options, **tables, *reports, warn};
  scan.count_before(before.hosts, before.hosts_up);
  return scan.run(std::move(setup->plan), *targets);
}

int resume(const std::string& path, std::string_view program) {
  const auto plan = plan_resume(path, program);
  if (!plan) return say(plan.error(), program);
  if (plan->has_ended) {
    fmt::print("{}: this scan has ended; nothing is left to resume.\n", printable(path));
    return 0;
  }
  return run(plan->options, program, *plan);
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
  const auto& options = std::get<AuditOptions>(*parsed);
  if (options.resume_log) return resume(*options.resume_log, program);
  return run(options, program);
}

}  // namespace trawl::control
