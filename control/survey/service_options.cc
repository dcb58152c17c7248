#include "control/survey/service_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <string_view>

#include "control/survey/survey_options.h"
#include "control/survey/text.h"

namespace trawl::control {
namespace {

constexpr unsigned kLight = 2;  // As Nmap's --version-light...
constexpr unsigned kAll = 9;    // ...and --version-all.
constexpr unsigned kMostCores = 64;
constexpr unsigned kMostPorts = 2048;
constexpr unsigned kMostConnections = 64;  // To a port at once, as of trawl scan.

Failure usage(std::string message) { return fail(ExitCode::Usage, std::move(message)); }

Result<void> take_number(const CLI::App& app, std::string_view option, const std::string& text,
                         unsigned least, unsigned most, unsigned& into) {
  if (app.count(std::string{option}) == 0) return {};
  unsigned number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end || number < least || number > most) {
    return usage(
        fmt::format("{}: {} is not a number from {} to {}", option, quote(text), least, most));
  }
  into = number;
  return {};
}

// --service has nothing to ask, or no way to ask it.
Result<void> check(const SurveyOptions& options) {
  using dataplane::ProbeKind;
  const bool finds_ports = options.probe == ProbeKind::TcpSyn || options.probe == ProbeKind::Udp;
  if (!finds_ports) {
    return usage(
        fmt::format("--service asks open ports, which --probe {} does not find; use "
                    "tcp-syn or udp",
                    to_string(options.probe)));
  }
  if (options.dry_run) {
    return usage(
        "--service has no meaning with --dry-run, which prints targets alone; leave one "
        "of them out");
  }
  if (!options.states.has(PortState::Open)) {
    return usage("--service asks open ports, which --states leaves out; add open");
  }
  if (options.vlan.tagged()) {
    return usage(
        "--service asks with sockets of this machine, which do not carry the tag of "
        "--vlan; give the VLAN interface of the system as --link");
  }
  if (std::ranges::all_of(options.outputs, holds_frames)) {
    return usage(
        "--service: a capture has no place for services; add an output of another "
        "format");
  }
  return {};
}

Result<void> take_database(const CLI::App& app, const ServiceTexts& texts,
                           ServiceOptions& services) {
  if (app.count("--versiondb") > 0 && texts.database.empty()) {
    return usage("--versiondb: an empty file name is given; name a file");
  }
  services.database = texts.database;
  return {};
}

}  // namespace

void add_service_options(CLI::App& app, ServiceTexts& texts) {
  constexpr const char* kGroup = "What stands behind open ports";
  const auto add = [&](const char* name, std::string& into, const char* description,
                       const char* type) {
    app.add_option(name, into, description)->type_name(type)->group(kGroup);
  };
  const auto flag = [&](const char* name, bool& into, const char* description) {
    app.add_flag(name, into, description)->disable_flag_override()->group(kGroup);
  };
  flag("--service", texts.is_wanted,
       "Ask every open port what it is, with sockets of this\nmachine, while the survey goes on");
  add("--version-intensity", texts.intensity,
      "How many of the less likely probes are tried: 0 to 9\n(default 7)", "N");
  flag("--version-light", texts.is_light, "--version-intensity 2");
  flag("--version-all", texts.is_all, "--version-intensity 9");
  add("--versiondb", texts.database,
      "Probes and patterns in Nmap's nmap-service-probes format\n"
      "(default: the installed one, or trawl's own)",
      "FILE");
  add("--version-parallelism", texts.parallelism,
      "Connections to one port at once, 1 to 64 (default 3)", "N");
  add("--service-cores", texts.cores, "Threads that ask; a host stays with one (default 1)", "N");
  add("--service-ports", texts.ports,
      "Ports that each of them asks at once, 1 to 2048\n(default 1024)", "N");
}

Result<void> take_service_options(const CLI::App& app, const ServiceTexts& texts,
                                  SurveyOptions& options) {
  ServiceOptions& services = options.services;
  services.is_wanted = texts.is_wanted;
  if (!services.is_wanted) {
    for (const char* option :
         {"--version-intensity", "--version-light", "--version-all", "--versiondb",
          "--version-parallelism", "--service-cores", "--service-ports"}) {
      if (app.count(option) == 0) continue;
      // Banners are told apart by the same lines.
      if (options.banners.is_wanted && std::string_view{option} == "--versiondb") continue;
      return usage(fmt::format("{} is about --service; add that, or leave it out", option));
    }
    const auto& lines = options.fields.lines;
    const auto field = std::ranges::find_if(lines, is_of_facts);
    const bool has_facts = options.banners.is_wanted || app.count("--os") > 0;
    if (field != lines.end() && !has_facts) {
      return usage(
          fmt::format("--fields: {} is known with --service, --os or --banners alone; add one of "
                      "them, or leave it out",
                      to_string(*field)));
    }
    return take_database(app, texts, services);
  }
  const unsigned levels = (texts.is_light ? 1U : 0U) + (texts.is_all ? 1U : 0U) +
                          (app.count("--version-intensity") > 0 ? 1U : 0U);
  if (levels > 1) {
    return usage(
        "--version-intensity, --version-light and --version-all contradict each other; "
        "give one of them");
  }
  if (texts.is_light) services.intensity = kLight;
  if (texts.is_all) services.intensity = kAll;
  auto done = take_number(app, "--version-intensity", texts.intensity, 0, kAll, services.intensity);
  if (done) {
    done = take_number(app, "--version-parallelism", texts.parallelism, 1, kMostConnections,
                       services.parallelism);
  }
  if (done) {
    done = take_number(app, "--service-cores", texts.cores, 1, kMostCores, services.cores);
  }
  if (done) {
    done = take_number(app, "--service-ports", texts.ports, 1, kMostPorts, services.ports_at_once);
  }
  if (!done) return done;
  if (auto taken = take_database(app, texts, services); !taken) return taken;
  options.fields.has_facts = true;
  return check(options);
}

std::string refusal_of(std::string_view word) {
  const std::string_view name = word.substr(0, word.find('='));
  if (name == "--script" || name == "--script-args") {
    return fmt::format("{}: a survey does not run scripts yet; leave it out", name);
  }
  return {};
}

}  // namespace trawl::control
