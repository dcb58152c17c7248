#include "control/survey/survey_option_rules.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "control/survey/text.h"

namespace trawl::control {
namespace {

Failure usage(std::string message) { return fail(ExitCode::Usage, std::move(message)); }

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
  if (options.resets && options.banners.is_wanted) {
    return usage(
        "--reset ends a handshake that --banners goes on with, and ends by itself; leave one of "
        "them out");
  }
  if (options.probe == dataplane::ProbeKind::TcpSyn) return {};
  for (const char* const option : {"--tcp-options", "--reset"}) {
    if (app.count(option) == 0) continue;
    return usage(fmt::format("{} is about TCP SYNs; --probe {} sends none", option,
                             to_string(options.probe)));
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
  if (!options.os_hints.signatures.empty()) {
    if (options.os_hints.signatures == "-") {
      return usage("--os-signatures: a file is read, not standard input; name a file");
    }
    inputs.push_back(options.os_hints.signatures);
  }
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
}  // namespace trawl::control
