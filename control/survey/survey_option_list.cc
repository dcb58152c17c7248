#include "control/survey/survey_option_list.h"

#include <CLI/CLI.hpp>
#include <string_view>

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
void add_target_options(CLI::App& app, SurveyOptions& options, SurveyTexts& texts) {
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
void add_repeat_options(CLI::App& app, SurveyOptions& options, SurveyTexts& texts) {
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

void add_network_options(CLI::App& app, SurveyOptions& options, SurveyTexts& texts) {
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
  app.add_flag("--reset", texts.reset,
               "End the handshakes of open ports with a reset: a packet more for\n"
               "each; without it servers repeat their SYN-ACKs for a minute")
      ->disable_flag_override()
      ->group("How to send");
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

void add_output_options(CLI::App& app, SurveyOptions& options, SurveyTexts& texts) {
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
             "truncated, fingerprint, trouble, evidence; with --os-hints:\n"
             "os_family, os_version, os_confidence, hops; or zmap's:\n"
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
}  // namespace

void add_survey_options(CLI::App& app, SurveyOptions& options, SurveyTexts& texts) {
  add_target_options(app, options, texts);
  add_network_options(app, options, texts);
  add_repeat_options(app, options, texts);
  add_banner_options(app, texts.banners);
  add_os_hint_options(app, options.os_hints);
  add_service_options(app, texts.services);
  add_os_options(app, texts.os);
  add_output_options(app, options, texts);
}

std::string help_of(const CLI::App& app) { return app.help() + std::string{kExamples}; }

}  // namespace trawl::control
