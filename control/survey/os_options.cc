#include "control/survey/os_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <string_view>

#include "control/survey/survey_options.h"
#include "control/survey/text.h"

namespace trawl::control {
namespace {

constexpr unsigned kMostHosts = 1024;
constexpr unsigned kMostTries = 50;  // As Nmap's --max-os-tries.
constexpr std::uint16_t kLastPort = 65535;
constexpr std::uint16_t kFirstPort = 1024;  // Those below are for servers.

Failure usage(std::string message) { return fail(ExitCode::Usage, std::move(message)); }

Result<void> take_number(const CLI::App& app, std::string_view option, const std::string& text,
                         unsigned most, unsigned& into) {
  if (app.count(std::string{option}) == 0) return {};
  unsigned number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end || number < 1 || number > most) {
    return usage(fmt::format("{}: {} is not a number from 1 to {}", option, quote(text), most));
  }
  into = number;
  return {};
}

bool fits_above(const SurveyOptions& options) noexcept {
  return kLastPort - options.source_ports.last >= kOsPorts;
}

Result<void> check(const SurveyOptions& options) {
  if (options.probe != dataplane::ProbeKind::TcpSyn) {
    return usage(
        fmt::format("--os asks hosts with an open TCP port, which --probe {} does not find; use "
                    "tcp-syn",
                    to_string(options.probe)));
  }
  if (options.dry_run) {
    return usage(
        "--os has no meaning with --dry-run, which prints targets alone; leave one of them out");
  }
  if (!options.states.has(PortState::Open)) {
    return usage("--os asks hosts with an open port, which --states leaves out; add open");
  }
  if (options.services.is_wanted && options.services.cores > 1) {
    return usage("--os sends by one thread; with it --service-cores has to be 1");
  }
  if (!fits_above(options) && options.source_ports.first < kFirstPort + kOsPorts) {
    return usage(fmt::format("--os needs {} source ports beside those of --source-port; give fewer",
                             kOsPorts));
  }
  return {};
}

}  // namespace

void add_os_options(CLI::App& app, OsTexts& texts) {
  constexpr const char* kGroup = "What stands behind open ports";
  app.add_flag("--os", texts.is_wanted,
               "Ask every host with an open port for its operating\nsystem, while the survey goes "
               "on")
      ->disable_flag_override()
      ->group(kGroup);
  app.add_option("--os-hosts", texts.hosts, "Hosts that are asked at once, 1 to 1024 (default 256)")
      ->type_name("N")
      ->group(kGroup);
  app.add_option("--os-tries", texts.tries,
                 "Rounds of probes to a host that no fingerprint fits\nperfectly, 1 to 50 "
                 "(default 2)")
      ->type_name("N")
      ->group(kGroup);
}

Result<void> take_os_options(const CLI::App& app, const OsTexts& texts, SurveyOptions& options) {
  options.os.is_wanted = texts.is_wanted;
  if (!texts.is_wanted) {
    for (const char* const option : {"--os-hosts", "--os-tries"}) {
      if (app.count(option) == 0) continue;
      return usage(fmt::format("{} is about --os; add that, or leave it out", option));
    }
    return {};
  }
  auto done = take_number(app, "--os-hosts", texts.hosts, kMostHosts, options.os.hosts_at_once);
  if (done) done = take_number(app, "--os-tries", texts.tries, kMostTries, options.os.most_tries);
  if (!done) return done;
  options.fields.has_facts = true;
  return check(options);
}

std::uint16_t first_os_port(const SurveyOptions& options) noexcept {
  return static_cast<std::uint16_t>(fits_above(options) ? options.source_ports.last + 1
                                                        : options.source_ports.first - kOsPorts);
}

}  // namespace trawl::control
