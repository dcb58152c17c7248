#include "control/survey/survey_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "control/steward/contact.h"
#include "control/survey/option_values.h"
#include "control/survey/text.h"
#include "control/survey/version.h"

namespace trawl::control {
namespace {

constexpr std::string_view kExamples = R"(
Targets are addresses, prefixes, ranges and octet ranges:
  198.18.0.1   198.18.0.0/24   198.18.0.1-198.18.0.9   198.18.0-3.1,5,9-20
Special-purpose addresses (private, loopback, documentation, benchmarking, multicast and the like)
are never probed unless --allow-special names them; an exclude wins over everything.

Examples:
  trawl survey 198.18.0.0/15 --allow-special 198.18.0.0/15 -p 80,443 --link eth1
      every address of a lab network, two ports, at 10,000 packets/s
  trawl survey -f prefixes.txt --exclude-file never.txt -p 443 --rate 1Gbit --link 0000:3b:00.0 \
      -o https.csv --fields ip,rtt_us --metadata https.json
      a list of prefixes at one gigabit a second through a DPDK network card, as CSV
  trawl survey 0.0.0.0/0 -p 22 --max-targets 1% --seed 7 --dry-run | head
      the first targets of a 1 % sample, in the order seed 7 gives; nothing is sent

Exit codes: 0 done, 2 wrong command line, 3 bad target, exclude or nothing left to probe, 4 link or
permission, 5 done but frames were lost on this machine, 6 results could not be written, 130
interrupted with everything found written, 1 anything else.
)";

constexpr std::string_view kProbeHelp =
    "What is sent: tcp-syn (the default: open or closed),\n"
    "tcp-ack (reached or filtered), udp, icmp-echo or\n"
    "icmp-timestamp (the last two without ports)";

// Option values as text, before they are looked at one by one.
struct Texts {
  std::string ttl, syn_options, vlan, probe, ports, max_targets, rate, source_ip, source_ports,
      gateway, gateway_mac, lcores, seed, tap;
  std::string cooldown, max_runtime, format, states, filter, contact;
  std::vector<std::string> outputs, fields;
  std::string network_rate, shard, probes, retries, retry_delay, memory;
  ServiceTexts services;
  BannerTexts banners;
};

void add_target_options(CLI::App& app, SurveyOptions& options, Texts& texts) {
  constexpr const char* kGroup = "What to probe";
  const auto repeatable = [&app](const char* name, std::vector<std::string>& into,
                                 const char* description, const char* type) {
    app.add_option(name, into, description)
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->allow_extra_args(false)
        ->type_name(type)
        ->group(kGroup);
  };
  app.add_option("targets", options.targets, "Addresses to probe; forms below")
      ->type_name("TARGET");
  repeatable("-f,--targets-file", options.target_files,
             "Read targets from FILE, - for standard input: any number a line,\n"
             "# starts a comment; may be repeated",
             "FILE");
  app.add_option("--probe", texts.probe, std::string{kProbeHelp})->type_name("KIND")->group(kGroup);
  app.add_option("-p,--ports", texts.ports,
                 "Ports: 80,443 or 1-1024 or 60000- or - for 1-65535;\n"
                 "port 0 only where written out")
      ->type_name("LIST")
      ->group(kGroup);
  app.add_option("--payload-file", options.payload_file,
                 "UDP payloads of your own, by port; see trawl-survey(1)")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option("--payload", options.payload_names,
                 "UDP payloads to use where a port has several, by name,\nsuch as snmp-v2c")
      ->type_name("LIST")
      ->group(kGroup);
  repeatable("--exclude", options.excludes, "Never probe these; may be repeated", "TARGET");
  repeatable("--exclude-file", options.exclude_files,
             "Never probe what FILE names, written like a targets file;\nmay be repeated", "FILE");
  repeatable("--blocklist-file", options.blocklist_files,
             "Like --exclude-file, with IPv6 too, and read again on\nSIGHUP; may be repeated",
             "FILE");
  repeatable("--allow-special", options.allow_special,
             "Let these special-purpose addresses be probed; may be repeated", "PREFIX");
  app.add_option("--max-targets", texts.max_targets,
                 "Probe only the first N targets of the order, such as 10k,\nor a share such as 5%")
      ->type_name("N")
      ->group(kGroup);
  app.add_option("--shard", texts.shard,
                 "Only part I of N of the targets, such as 2/8: the parts of one\n"
                 "--seed are disjoint and complete")
      ->type_name("I/N")
      ->group(kGroup);
}

// How often a target is asked, and what is kept of the answers.
void add_repeat_options(CLI::App& app, SurveyOptions& options, Texts& texts) {
  const auto add = [&app](const char* name, std::string& into, const char* description,
                          const char* type) {
    app.add_option(name, into, description)->type_name(type)->group("How often");
  };
  add("--probes", texts.probes,
      "Probes to every target, 1 to 5, each in a sweep of its own\n(default 1)", "N");
  add("--retries", texts.retries,
      "Then once more to silent targets: none, all, or responsive:\n"
      "in /24s where something answered (default responsive)",
      "MODE");
  add("--retry-delay", texts.retry_delay, "Pause between two sweeps (default 1s)", "TIME");
  add("--checkpoint", options.checkpoint,
      "Keep in FILE what 'trawl resume FILE' needs to go on after\nany end, also kill -9 and power "
      "loss",
      "FILE");
  add("--memory", texts.memory,
      "For an array over all targets that tells duplicates; when it\n"
      "is not enough, targets that answered are kept one by one\n(default 512M)",
      "SIZE");
}

void add_network_options(CLI::App& app, SurveyOptions& options, Texts& texts) {
  const auto add = [&app](const char* name, std::string& into, const char* description,
                          const char* type) {
    app.add_option(name, into, description)->type_name(type)->group("How to send");
  };
  add("--link", options.link,
      "Network card to use: interface (eth1), PCI address\n"
      "(0000:3b:00.0) or DPDK vdev (net_memif0,...)",
      "LINK");
  app.add_flag("--tap{trawl0}", texts.tap,
               "Give the system an interface on a card that DPDK owns, so that\n"
               "its own traffic goes on: trawl0, or --tap=NAME")
      ->group("How to send");
  add("--rate", texts.rate,
      "Packets/s: 1000, 50k, 1.2M, 10Mpps; bits/s on the wire:\n"
      "100Mbps, 1Gbit; max; or auto: what the path bears\n(default 10k)",
      "RATE");
  add("--per-network-rate", texts.network_rate,
      "No /24 (IPv6: /64) gets more packets/s than this; its probes\n"
      "wait, and others go first (default: no limit)",
      "RATE");
  add("--source-ip", texts.source_ip,
      "Source address of probes (default: the link's), or several:\n"
      "198.18.0.2,198.18.0.5-9 or 198.18.0.0/28",
      "LIST");
  add("--source-port", texts.source_ports,
      "Source ports of probes (default 61000-64999, above the\n"
      "ports Linux gives to its own connections, 32768-60999)",
      "PORTS");
  add("--ttl", texts.ttl, "Hops a probe may go, 1 to 255 (default 64)", "N");
  add("--tcp-options", texts.syn_options,
      "Options of TCP SYNs: linux (the default: as Linux has them), or\n"
      "mss: the segment size alone, in the smallest Ethernet frame,\n"
      "without round-trip times",
      "LAYOUT");
  add("--vlan", texts.vlan,
      "Send and take frames with this 802.1Q tag; needs --source-ip\n"
      "and --gateway on an interface of the system",
      "ID");
  add("--gateway", texts.gateway, "Next hop off the link (default: from the routing table)",
      "ADDRESS");
  add("--gateway-mac", texts.gateway_mac, "Next hop by MAC address: nothing is resolved", "MAC");
  add("--lcores", texts.lcores, "CPUs that send and receive, such as 0 or 0,1 or 2-5", "LIST");
  add("--contact", texts.contact,
      "Who answers for the survey: an e-mail address or https:// page;\n"
      "needed above 2^20 public addresses (default: trawl.conf's)",
      "CONTACT");
  add("--seed", texts.seed,
      "Makes the order and the probes repeatable: a number below\n"
      "2^64, or 0x and up to 32 hex digits (default: random)",
      "N");
  add("--cooldown", texts.cooldown, "Wait for late replies after the last probe (default 8s)",
      "TIME");
  add("--max-runtime", texts.max_runtime, "Stop sending after this long, such as 90s or 2h",
      "TIME");
}

void add_output_options(CLI::App& app, SurveyOptions& options, Texts& texts) {
  constexpr const char* kGroup = "What comes out";
  const auto add = [&](const char* name, std::string& into, const char* description,
                       const char* type) {
    app.add_option(name, into, description)->type_name(type)->group(kGroup);
  };
  const auto flag = [&](const char* name, bool& into, const char* description) {
    app.add_flag(name, into, description)->disable_flag_override()->group(kGroup);
  };
  const auto repeatable = [&app](const char* name, std::vector<std::string>& into,
                                 const char* description, const char* type) {
    app.add_option(name, into, description)
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->allow_extra_args(false)
        ->type_name(type)
        ->group(kGroup);
  };
  repeatable("-o,--output", texts.outputs,
             "Write results to FILE, replacing it, or to - for standard\n"
             "output (the default); FILE.zst is compressed. May be\n"
             "repeated, each as FILE or FORMAT:FILE",
             "FILE");
  add("--format", texts.format,
      "Of outputs that name none: jsonl, csv, zmap, masscan-json,\n"
      "masscan-list, nmap-xml, or pcap, the valid replies\n"
      "themselves (default: csv for FILE.csv, nmap-xml for FILE.xml,\n"
      "pcap for FILE.pcap, otherwise jsonl)",
      "FORMAT");
  repeatable("--fields", texts.fields,
             "Which fields, in this order: schema, ts, ip, port, proto,\n"
             "state, reason, ttl, rtt_us, attempt, from, type; with\n"
             "--service or --banners: class, source, service, tls, product, version,\n"
             "info, hostname, os, device, cpe, probe, line, banner,\n"
             "truncated, fingerprint, trouble, evidence; or zmap's:\n"
             "saddr, saddr-raw, daddr, daddr-raw, ttl, sport, dport,\n"
             "classification, success, repeat, cooldown, timestamp-str,\n"
             "timestamp-ts, timestamp-us; may be repeated, once for each",
             "LIST");
  add("--states", texts.states,
      "Which findings: open, closed, unreachable, unfiltered, up,\n"
      "or all (default: what the probe looks for, such as open)",
      "LIST");
  add("--output-filter", texts.filter,
      "Of these, only where EXPR holds, such as\n"
      "'port = 80 && ttl > 50 && !(ip in 198.18.0.0/24)'",
      "EXPR");
  add("--metadata", options.metadata, "Write a JSON record of the run to FILE at the end", "FILE");
  flag("--dry-run", options.dry_run, "Print the targets in order instead of probing them");
  flag("--status-json", options.status_json,
       "Status as one JSON object a second on standard error, in\nplace of the progress line");
  flag("-q,--quiet", options.quiet, "No progress and no summary, errors only");
  flag("-v,--verbose", options.verbose, "Say more about what is going on");
}

Failure usage(std::string message) { return fail(ExitCode::Usage, std::move(message)); }

// Parses `text` into `into` when the option was given at all. `given` tells "" from absent.
template <typename T, typename Into, typename Parse>
Result<void> take_value(const CLI::App& app, std::string_view option, const std::string& text,
                        Into& into, Parse parse) {
  if (app.count(std::string{option}) == 0) return {};
  Result<T> value = parse(text, option);
  if (!value) return Failure{value.error()};
  into = std::move(*value);
  return {};
}

Result<void> take_values(const CLI::App& app, const Texts& texts, SurveyOptions& options) {
  using Time = std::chrono::nanoseconds;
  Result<void> done;
  const auto take = [&]<typename T>(std::type_identity<T>, std::string_view option,
                                    const std::string& text, auto& into, auto parse) {
    if (done) done = take_value<T>(app, option, text, into, parse);
  };
  take(std::type_identity<dataplane::ProbeKind>{}, "--probe", texts.probe, options.probe,
       parse_probe_kind);
  take(std::type_identity<std::vector<std::uint16_t>>{}, "--ports", texts.ports, options.ports,
       parse_ports);
  take(std::type_identity<TargetLimit>{}, "--max-targets", texts.max_targets, options.max_targets,
       TargetLimit::parse);
  take(std::type_identity<std::string>{}, "--tap", texts.tap, options.tap, parse_interface_name);
  take(std::type_identity<RateSpec>{}, "--rate", texts.rate, options.rate, RateSpec::parse);
  take(std::type_identity<RateSpec>{}, "--per-network-rate", texts.network_rate,
       options.network_rate, RateSpec::parse_plain);
  take(std::type_identity<std::string>{}, "--contact", texts.contact, options.contact,
       parse_contact);
  take(std::type_identity<std::vector<IpAddress>>{}, "--source-ip", texts.source_ip,
       options.source_ips, parse_source_addresses);
  take(std::type_identity<std::uint8_t>{}, "--ttl", texts.ttl, options.ttl, parse_ttl);
  take(std::type_identity<dataplane::SynOptions>{}, "--tcp-options", texts.syn_options,
       options.syn_options, parse_syn_options);
  take(std::type_identity<dataplane::VlanId>{}, "--vlan", texts.vlan, options.vlan, parse_vlan);
  take(std::type_identity<PortRange>{}, "--source-port", texts.source_ports, options.source_ports,
       parse_port_range);
  take(std::type_identity<IpAddress>{}, "--gateway", texts.gateway, options.gateway, parse_address);
  take(std::type_identity<MacAddress>{}, "--gateway-mac", texts.gateway_mac, options.gateway_mac,
       parse_mac);
  take(std::type_identity<std::vector<unsigned>>{}, "--lcores", texts.lcores, options.lcores,
       parse_cpu_list);
  take(std::type_identity<Uint128>{}, "--seed", texts.seed, options.seed, parse_seed);
  take(std::type_identity<Time>{}, "--cooldown", texts.cooldown, options.cooldown, parse_duration);
  take(std::type_identity<Time>{}, "--max-runtime", texts.max_runtime, options.max_runtime,
       parse_duration);
  take(std::type_identity<Shard>{}, "--shard", texts.shard, options.shard, parse_shard);
  take(std::type_identity<unsigned>{}, "--probes", texts.probes, options.probes, parse_probe_count);
  take(std::type_identity<RetryMode>{}, "--retries", texts.retries, options.retries,
       parse_retry_mode);
  take(std::type_identity<Time>{}, "--retry-delay", texts.retry_delay, options.retry_delay,
       parse_duration);
  take(std::type_identity<ByteCount>{}, "--memory", texts.memory, options.memory, parse_byte_count);
  options.states = StateSet::only(sought_state(options.probe));
  take(std::type_identity<StateSet>{}, "--states", texts.states, options.states, StateSet::parse);
  take(std::type_identity<OutputFilter>{}, "--output-filter", texts.filter, options.filter,
       OutputFilter::parse);
  return done;
}

// Names, formats and fields depend on each other.
Result<void> take_outputs(const CLI::App& app, const Texts& texts, SurveyOptions& options) {
  std::optional<OutputFormat> format;
  auto taken = take_value<OutputFormat>(app, "--format", texts.format, format, parse_output_format);
  if (!taken) return taken;
  auto outputs = parse_outputs(texts.outputs, format);
  if (!outputs) return Failure{outputs.error()};
  auto fields = parse_output_fields(texts.fields, *outputs);
  if (!fields) return Failure{fields.error()};
  options.outputs = std::move(*outputs);
  options.fields = std::move(*fields);
  return {};
}

// States no reply to this kind of probe leads to would leave the results empty.
Result<void> check_states(const SurveyOptions& options) {
  const PortState sought = sought_state(options.probe);
  for (unsigned i = 0; i < kPortStates; ++i) {
    const auto state = static_cast<PortState>(i);
    if (options.states.has(state) && can_be_found(state, sought)) return {};
  }
  return usage(
      fmt::format("--states names none that --probe {} can find; expected {}, {}unreachable "
                  "or all",
                  to_string(options.probe), trawl::to_string(sought),
                  sought == PortState::Open ? "closed, " : ""));
}

Result<void> check_ports(const SurveyOptions& options) {
  const bool payloads = !options.payload_file.empty() || !options.payload_names.empty();
  if (payloads && options.probe != dataplane::ProbeKind::Udp) {
    return usage(
        fmt::format("--payload-file and --payload are for --probe udp; --probe {} has no "
                    "payload",
                    to_string(options.probe)));
  }
  const bool wanted = has_ports(options.probe);
  if (wanted && options.ports.empty()) {
    return usage("no ports are given; name them, such as -p 80,443");
  }
  if (!wanted && (!options.ports.empty() || options.source_ports != kDefaultSourcePorts)) {
    return usage(fmt::format("--probe {} has no ports; leave --ports and --source-port out",
                             to_string(options.probe)));
  }
  return {};
}

Result<void> check_syn_options(const CLI::App& app, const SurveyOptions& options) {
  if (app.count("--tcp-options") == 0 || options.probe == dataplane::ProbeKind::TcpSyn) return {};
  return usage(fmt::format("--tcp-options is about TCP SYNs; --probe {} sends none",
                           to_string(options.probe)));
}

// Options that are each in order, but not together.
Result<void> check_together(const CLI::App& app, const SurveyOptions& options) {
  if (options.targets.empty() && options.target_files.empty()) {
    return usage("no targets are given; name addresses or prefixes, or a file with -f FILE");
  }
  if (auto fit = check_ports(options); !fit) return fit;
  if (auto fit = check_syn_options(app, options); !fit) return fit;
  if (auto fit = check_automatic_rate(options); !fit) return fit;
  if (options.link.empty() && !options.dry_run) {
    return usage("no link is given; name a network card such as --link eth1, or add --dry-run");
  }
  if (options.shard.count > 1 && !options.seed) {
    return usage("--shard needs --seed: parts fit together only in one and the same order");
  }
  if (auto fit = check_states(options); !fit) return fit;
  if (std::ranges::all_of(options.outputs, holds_frames)) {
    for (const char* option : {"--states", "--output-filter"}) {
      if (app.count(option) == 0) continue;
      return usage(
          fmt::format("{}: a capture holds the frame of every valid reply; leave the option out, "
                      "or write findings to another output as well",
                      option));
    }
  }
  if (options.max_runtime && options.max_runtime->count() == 0) {
    return usage("--max-runtime: no time at all would send nothing; expected a time such as 90s");
  }
  if (options.gateway && options.gateway_mac) {
    return usage("--gateway and --gateway-mac both name the next hop; give one of them");
  }
  if (options.retry_delay.count() > 0 && options.probes == 1 &&
      options.retries == RetryMode::None && app.count("--retry-delay") > 0) {
    return usage("--retry-delay: there is no second sweep to wait for; see --retries and --probes");
  }
  if (app.count("--checkpoint") > 0 && options.checkpoint.empty()) {
    return usage("--checkpoint: an empty file name is given; name a file");
  }
  if (options.dry_run) {
    for (const char* option : {"--checkpoint", "--metadata", "--format", "--fields", "--states",
                               "--output-filter", "--status-json"}) {
      if (app.count(option) == 0) continue;
      return usage(
          fmt::format("{} has no meaning with --dry-run, which prints targets alone; leave "
                      "one of them out",
                      option));
    }
  }
  if (options.quiet && options.verbose) {
    return usage("--quiet and --verbose contradict each other; give one of them");
  }
  return {};
}

// Whether both name one file, however they spell it.
bool is_same_file(const std::string& a, const std::string& b) {
  if (a.empty() || b.empty()) return false;
  const auto path_of = [](const std::string& name) { return name == "-" ? "/dev/stdout" : name; };
  if (a == b) return true;
  std::error_code ignored;
  const std::filesystem::path left{path_of(a)};
  const std::filesystem::path right{path_of(b)};
  // Terminals and pipes are not replaced: two may share one.
  return std::filesystem::equivalent(left, right, ignored) &&
         std::filesystem::is_regular_file(left, ignored);
}

// Reading a file twice is harmless; standard input can be read once, and outputs replace inputs.
Result<void> check_files(const SurveyOptions& options) {
  const auto is_output = [&options](const std::string& path) {
    return std::ranges::any_of(
        options.outputs, [&](const OutputSpec& output) { return is_same_file(path, output.path); });
  };
  if (!options.checkpoint.empty() && is_output(options.checkpoint)) {
    return usage("--output and --checkpoint go to the same place; give two different files");
  }
  if (is_output(options.metadata)) {
    return usage("--output and --metadata go to the same place; give two different files");
  }
  if (std::ranges::count(options.blocklist_files, "-") > 0) {
    return usage("--blocklist-file: standard input cannot be read again on SIGHUP; name a file");
  }
  const bool one_text = options.outputs.size() == 1 &&
                        !is_compressed_path(options.outputs.front().path) &&
                        !holds_frames(options.outputs.front());
  if (options.dry_run && !one_text) {
    return usage(
        "--dry-run prints one list of targets, neither compressed nor a capture; give one -o FILE "
        "for it");
  }
  std::vector<std::string> inputs = options.target_files;
  if (!options.services.database.empty()) inputs.push_back(options.services.database);
  inputs.insert(inputs.end(), options.blocklist_files.begin(), options.blocklist_files.end());
  inputs.insert(inputs.end(), options.exclude_files.begin(), options.exclude_files.end());
  if (!options.payload_file.empty()) inputs.push_back(options.payload_file);
  for (const BannerPayload& payload : options.banners.payloads) inputs.push_back(payload.path);
  if (std::ranges::count(inputs, "-") > 1) {
    return usage("standard input (-) is named more than once, but can be read only once");
  }
  for (const std::string& path : inputs) {
    if (path.empty()) return usage("an empty file name is given; name a file, or - for input");
    if (path != "-" && (is_output(path) || is_same_file(path, options.metadata))) {
      return usage(fmt::format("{} would be read and then replaced by results; write elsewhere",
                               quote(path)));
    }
  }
  return {};
}

Failure unknown_option(const CLI::App& app, const std::string& word) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  const std::vector<std::string_view> candidates{names.begin(), names.end()};
  const std::string_view name = std::string_view{word}.substr(0, word.find('='));
  return usage(fmt::format("unknown option {}{}; see trawl survey --help", quote(name),
                           did_you_mean(name, candidates)));
}

// CLI11's messages start with the option and a colon.
Failure bad_command_line(const CLI::ParseError& error) {
  const std::string_view said = error.what();
  const std::string_view option = said.substr(0, said.find(':'));
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) == nullptr) {
    return usage(fmt::format("{}; see trawl survey --help", said));
  }
  std::string_view why = "given more than once";
  if (said.find("missing") != std::string_view::npos) why = "the value is missing";
  if (said.find("flag override") != std::string_view::npos) {
    return usage(fmt::format("--{} takes no value; leave it out", said.substr(0, said.find(' '))));
  }
  return usage(fmt::format("{}: {}; see trawl survey --help", option, why));
}

std::string help_of(const CLI::App& app) { return app.help() + std::string{kExamples}; }

}  // namespace

Result<void> check_automatic_rate(const SurveyOptions& options) {
  const bool unstamped = options.probe == dataplane::ProbeKind::TcpAck ||
                         options.probe == dataplane::ProbeKind::Udp ||
                         (options.probe == dataplane::ProbeKind::TcpSyn &&
                          options.syn_options == dataplane::SynOptions::Mss);
  if (!options.rate.is_automatic() || !unstamped) return {};
  return usage(
      "--rate auto needs replies that tell which probe they answer, which those to tcp-ack and udp "
      "probes, and to SYNs with --tcp-options mss, do not; give a rate");
}

Result<std::variant<SurveyOptions, PrintAndExit>> parse_survey_options(
    std::span<const char* const> args) {
  SurveyOptions options;
  Texts texts;
  CLI::App app{"Find what answers on many addresses: one probe to each target, statelessly.",
               "trawl survey"};
  app.set_help_flag("-h,--help", "Print this text");
  app.set_version_flag("--version", "trawl " + std::string{kVersion}, "Print the version");
  app.get_formatter()->column_width(30);
  app.allow_extras();
  add_target_options(app, options, texts);
  add_network_options(app, options, texts);
  add_repeat_options(app, options, texts);
  add_banner_options(app, texts.banners);
  add_service_options(app, texts.services);
  add_output_options(app, options, texts);
  std::vector<std::string> reversed{args.begin(), args.end()};  // The order CLI11 wants.
  std::ranges::reverse(reversed);
  try {
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    return PrintAndExit{help_of(app)};
  } catch (const CLI::CallForVersion&) {
    return PrintAndExit{app.version() + "\n"};
  } catch (const CLI::ParseError& error) {
    return bad_command_line(error);
  }
  for (const std::string& word : app.remaining()) {
    if (word == "--") continue;  // Only says that no option follows.
    if (std::string why = refusal_of(word); !why.empty()) return usage(std::move(why));
    if (word.size() > 1 && word.front() == '-') return unknown_option(app, word);
    options.targets.push_back(word);
  }
  if (app.count("--payload-file") > 0 && options.payload_file.empty()) {
    return usage("--payload-file: an empty file name is given; name a file");
  }
  if (app.count("--metadata") > 0 && options.metadata.empty()) {
    return usage("--metadata: an empty file name is given; name a file");
  }
  options.rate_given = app.count("--rate") > 0;
  if (auto taken = take_values(app, texts, options); !taken) return Failure{taken.error()};
  if (auto taken = take_outputs(app, texts, options); !taken) return Failure{taken.error()};
  if (auto fits = check_together(app, options); !fits) return Failure{fits.error()};
  options.banners.is_wanted = texts.banners.is_wanted;
  if (auto taken = take_service_options(app, texts.services, options); !taken) {
    return Failure{taken.error()};
  }
  if (auto taken = take_banner_options(app, texts.banners, options); !taken) {
    return Failure{taken.error()};
  }
  if (auto fits = check_files(options); !fits) return Failure{fits.error()};
  return options;
}

}  // namespace trawl::control
