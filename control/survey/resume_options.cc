#include "control/survey/resume_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "control/survey/option_values.h"
#include "control/survey/quantity.h"

namespace trawl::control {
namespace {

constexpr std::string_view kAbout = R"(
The targets, the order, the key and the outputs are those of the survey; files that its command line
excludes are read again, and what they name by now is not probed. Rate, link and number of CPUs may
differ.

Exit codes are those of trawl survey; 3 when FILE is no checkpoint or was changed.
)";

Failure usage(std::string message) { return fail(ExitCode::Usage, std::move(message)); }

// Parses `text` when `option` was given.
template <typename Into, typename Parse>
Result<void> take(const CLI::App& app, std::string_view option, const std::string& text, Into& into,
                  Parse parse) {
  if (app.count(std::string{option}) == 0) return {};
  auto value = parse(text, option);
  if (!value) return Failure{value.error()};
  into = std::move(*value);
  return {};
}

}  // namespace

void ResumeOptions::apply_to(SurveyOptions& options) const {
  if (link) options.link = *link;
  if (rate) {
    options.rate = *rate;
    options.rate_given = true;
  }
  if (network_rate) options.network_rate = *network_rate;
  if (!lcores.empty()) options.lcores = lcores;
  if (cooldown) options.cooldown = *cooldown;
  options.max_runtime = max_runtime;  // That of the first run was spent there.
  options.status_json = status_json;
  options.quiet = quiet;
  options.verbose = verbose;
}

Result<std::variant<ResumeOptions, PrintAndExit>> parse_resume_options(
    std::span<const char* const> args) {
  ResumeOptions options;
  std::string link, rate, network_rate, lcores, cooldown, max_runtime;
  CLI::App app{"Go on with a survey that ended early, from its --checkpoint.", "trawl resume"};
  app.set_help_flag("-h,--help", "Print this text");
  app.get_formatter()->column_width(30);
  app.add_option("checkpoint", options.checkpoint, "What --checkpoint named")->type_name("FILE");
  app.add_option("--link", link, "Another network card")->type_name("LINK");
  app.add_option("--rate", rate, "Another rate")->type_name("RATE");
  app.add_option("--per-network-rate", network_rate, "Another limit for every network")
      ->type_name("RATE");
  app.add_option("--lcores", lcores, "Other CPUs, also more or fewer")->type_name("LIST");
  app.add_option("--cooldown", cooldown, "Another wait for late replies")->type_name("TIME");
  app.add_option("--max-runtime", max_runtime, "Stop sending after this long")->type_name("TIME");
  app.add_flag("--status-json", options.status_json, "Status as one JSON object a second");
  app.add_flag("-q,--quiet", options.quiet, "No progress and no summary, errors only");
  app.add_flag("-v,--verbose", options.verbose, "Say more about what is going on");
  std::vector<std::string> reversed{args.begin(), args.end()};  // The order CLI11 wants.
  std::ranges::reverse(reversed);
  try {
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    return PrintAndExit{app.help() + std::string{kAbout}};
  } catch (const CLI::ParseError& error) {
    return usage(fmt::format("{}; see trawl resume --help", error.what()));
  }
  if (options.checkpoint.empty()) {
    return usage("no checkpoint is given; name the file that --checkpoint of the survey named");
  }
  if (options.quiet && options.verbose) {
    return usage("--quiet and --verbose contradict each other; give one of them");
  }
  if (app.count("--link") > 0) options.link = link;
  auto done = take(app, "--rate", rate, options.rate, RateSpec::parse);
  if (done) {
    done =
        take(app, "--per-network-rate", network_rate, options.network_rate, RateSpec::parse_plain);
  }
  if (done) done = take(app, "--lcores", lcores, options.lcores, parse_cpu_list);
  if (done) done = take(app, "--cooldown", cooldown, options.cooldown, parse_duration);
  if (done) done = take(app, "--max-runtime", max_runtime, options.max_runtime, parse_duration);
  if (!done) return Failure{done.error()};
  return options;
}

}  // namespace trawl::control
