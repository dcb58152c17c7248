#include "control/survey/survey_command.h"

#include <cstdio>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/log.h"
#include "control/steward/configuration.h"
#include "control/steward/stewardship.h"
#include "control/survey/scan_order.h"
#include "control/survey/survey_options.h"
#include "control/survey/survey_plan.h"
#include "control/survey/survey_run.h"
#include "control/survey/survey_setup.h"

namespace trawl::control {

ExitCode survey_main(std::span<const char* const> args) {
  auto parsed = parse_survey_options(args);
  if (!parsed) return report(parsed.error());
  if (const auto* text = std::get_if<PrintAndExit>(&*parsed)) {
    std::fputs(text->text.c_str(), stdout);
    return ExitCode::Done;
  }
  auto& options = std::get<SurveyOptions>(*parsed);
  if (options.verbose) set_log_level(LogLevel::Debug);
  const auto configuration = load_configuration();
  if (!configuration) return report(configuration.error());
  apply_configuration(*configuration, options);
  auto plan = make_survey_plan(options);
  if (!plan) return report(plan.error());
  const auto limited = limit_rate(*configuration, mean_frame_size(options, *plan), options);
  if (!limited) return report(limited.error());
  if (auto named = require_contact(options, *plan); !named) return report(named.error());
  if (options.dry_run) {
    // Signals keep their usual effect: `| head` ends it, and so does the first interrupt.
    const auto printed = print_targets(options, *plan);
    return printed ? ExitCode::Done : report(printed.error());
  }
  const std::vector<std::string> words{args.begin(), args.end()};
  SurveyMetadata metadata = describe(words, options, *plan, draw_seed(options));
  const auto code = run_survey({.options = std::move(options),
                                .plan = std::move(*plan),
                                .metadata = std::move(metadata),
                                .checkpoint = nullptr});
  return code ? *code : report(code.error());
}

}  // namespace trawl::control
