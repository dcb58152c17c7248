#include "control/survey/resume_command.h"

#include <fmt/format.h>

#include <cstdio>
#include <utility>
#include <variant>
#include <vector>

#include "base/log.h"
#include "control/steward/configuration.h"
#include "control/steward/stewardship.h"
#include "control/survey/checkpoint/checkpoint.h"
#include "control/survey/resume_options.h"
#include "control/survey/special_purpose.h"
#include "control/survey/survey_run.h"
#include "control/survey/survey_setup.h"

namespace trawl::control {
namespace {

template <typename Address>
IntervalSet<Address> set_of(const std::vector<Interval<Address>>& intervals) {
  IntervalSet<Address> set;
  for (const auto& range : intervals) set.add(range);
  return set;
}

// A plan that probes `addresses`, and what of them is blocked by now.
template <typename Address>
SurveyPlan plan_over(const IntervalSet<Address>& addresses, const IntervalSet<Address>& blocked_now,
                     const IntervalSet<Address>& special) {
  IntervalSet<Address> since = addresses;
  since.intersect(blocked_now);
  if (!since.empty()) {
    log_warning("{} addresses of the survey are excluded by now, and are not probed any more",
                count_of(since));
  }
  IntervalSet<Address> ordinary = addresses;
  ordinary.subtract(special);
  return {.addresses = RankedSet<Address>{addresses},
          .ports = {},
          .blocked = {},
          .addresses_named = count_of(addresses),
          .addresses_excluded = count_of(since),
          .public_addresses = count_of(ordinary)};
}

// The options the survey began with: they were accepted then.
Result<SurveyOptions> options_of(const Checkpoint& checkpoint) {
  std::vector<const char*> words;
  for (const std::string& word : checkpoint.plan().command_line) words.push_back(word.c_str());
  auto parsed = parse_survey_options(words);
  if (!parsed) {
    return fail(ExitCode::BadInput,
                fmt::format("{}: this trawl does not take the command line of the survey: {}",
                            checkpoint.path(), parsed.error().message));
  }
  if (auto* const options = std::get_if<SurveyOptions>(&*parsed)) return std::move(*options);
  return fail(
      ExitCode::BadInput,
      fmt::format("{}: the command line in this checkpoint is no survey", checkpoint.path()));
}

// The space of the survey as it was, and the blocklist as it is now: whoever asked not to be probed
// since is not.
Result<SurveyPlan> plan_of(const Checkpoint& checkpoint, const SurveyOptions& options) {
  auto payloads = make_payloads(options);
  if (!payloads) return Failure{payloads.error()};
  auto blocklist = make_blocklist(options);
  if (!blocklist) return Failure{blocklist.error()};
  const CheckpointPlan& saved = checkpoint.plan();
  const AddressList& now = blocklist->blocked();
  const bool is_v4 = saved.addresses6.empty();
  SurveyPlan plan =
      is_v4 ? plan_over(set_of(saved.addresses), now.v4, special_purpose_addresses())
            : plan_over(set_of(saved.addresses6), now.v6, special_purpose_ipv6_addresses());
  plan.ports = saved.ports;
  plan.blocked = {.v4 = set_of(saved.blocked), .v6 = set_of(saved.blocked6)};
  plan.payloads = std::move(*payloads);
  plan.exclude_digest = digest_of(plan.blocked, is_v4);
  plan.blocklist = std::move(*blocklist);
  return plan;
}

Result<ExitCode> resume(const ResumeOptions& asked) {
  auto checkpoint = Checkpoint::open(asked.checkpoint);
  if (!checkpoint) return Failure{checkpoint.error()};
  if ((*checkpoint)->restored().finished) {
    if (!asked.quiet) log_warning("{}: the survey is finished; nothing to do", asked.checkpoint);
    return ExitCode::Done;
  }
  auto options = options_of(**checkpoint);
  if (!options) return Failure{options.error()};
  asked.apply_to(*options);
  if (auto fit = check_automatic_rate(*options); !fit) return Failure{fit.error()};
  const auto configuration = load_configuration();
  if (!configuration) return Failure{configuration.error()};
  apply_configuration(*configuration, *options);
  auto plan = plan_of(**checkpoint, *options);
  if (!plan) return Failure{plan.error()};
  const auto limited = limit_rate(*configuration, mean_frame_size(*options, *plan), *options);
  if (!limited) return Failure{limited.error()};
  if (auto named = require_contact(*options, *plan); !named) return Failure{named.error()};
  if ((*checkpoint)->restored().after_power_failure) {
    log_warning("{}: the machine was restarted since; going on from what had reached the disk",
                asked.checkpoint);
  }
  SurveyMetadata metadata =
      describe((*checkpoint)->plan().command_line, *options, *plan, (*checkpoint)->plan().seed);
  metadata.started = (*checkpoint)->plan().started;
  return run_survey({.options = std::move(*options),
                     .plan = std::move(*plan),
                     .metadata = std::move(metadata),
                     .checkpoint = std::move(*checkpoint)});
}

}  // namespace

ExitCode resume_main(std::span<const char* const> args) {
  const auto parsed = parse_resume_options(args);
  if (!parsed) return report(parsed.error());
  if (const auto* text = std::get_if<PrintAndExit>(&*parsed)) {
    std::fputs(text->text.c_str(), stdout);
    return ExitCode::Done;
  }
  const auto& options = std::get<ResumeOptions>(*parsed);
  if (options.verbose) set_log_level(LogLevel::Debug);
  const auto code = resume(options);
  return code ? *code : report(code.error());
}

}  // namespace trawl::control
