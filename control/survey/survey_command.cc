#include "control/survey/survey_command.h"

#include <fmt/format.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <string>
#include <utility>
#include <variant>

#include "base/log.h"
#include "control/survey/metadata.h"
#include "control/survey/output/survey_outputs.h"
#include "control/survey/scan_order.h"
#include "control/survey/survey_controller.h"
#include "control/survey/survey_options.h"
#include "control/survey/survey_plan.h"
#include "control/survey/survey_setup.h"
#include "dataplane/eal.h"

namespace trawl::control {
namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void on_interrupt(int signal) {
  interrupted.store(true);
  std::signal(signal, SIG_DFL);  // A second one ends the process at once.
}

// A closed pipe and a file size limit become errors of write() instead of killing the process.
void install_signals() {
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

ExitCode report(const Error& error) {
  log_error("{}", error.message);
  return error.code;
}

SurveyMetadata describe(std::span<const char* const> args, const SurveyOptions& options,
                        const SurveyPlan& plan, Uint128 seed) {
  SurveyMetadata metadata;
  metadata.command_line = {"trawl", "survey"};
  metadata.command_line.insert(metadata.command_line.end(), args.begin(), args.end());
  metadata.started = std::chrono::system_clock::now();
  metadata.seed = seed;
  metadata.ports = plan.ports;
  metadata.addresses = plan.addresses.size();
  metadata.addresses_excluded = plan.addresses_excluded;
  metadata.blocked_addresses = plan.blocked.size();
  metadata.exclude_digest = plan.exclude_digest;
  metadata.rate = options.rate.for_frame(dataplane::ProbeTemplate::kSize);
  metadata.link = options.link;
  return metadata;
}

// Everything between "the plan is good" and "the link is closed again".
Result<ExitCode> run_on_link(const SurveyOptions& options, SurveyPlan plan,
                             SurveyMetadata& metadata) {
  auto survey = prepare_survey(options, std::move(plan), metadata.seed);
  if (!survey) return Failure{survey.error()};
  if (!survey->link->wait_until_up()) {
    return fail(ExitCode::Device, fmt::format("link {} does not come up; check the cable, the peer "
                                              "or the process at the other end",
                                              options.link));
  }
  if (interrupted.load()) return ExitCode::Interrupted;
  // Rather now than after hours of probing.
  if (auto writable = check_metadata(options.metadata); !writable) {
    return Failure{writable.error()};
  }
  // Last of all, since it empties a file that is there.
  auto sink = SurveyOutputs::open({.outputs = options.outputs,
                                   .fields = options.fields,
                                   .states = options.states,
                                   .filter = options.filter,
                                   .run = {.command_line = metadata.command_line,
                                           .ports = metadata.ports,
                                           .started = metadata.started}});
  if (!sink) return Failure{sink.error()};
  SurveyController controller{options, *survey->planner, *survey->link, *survey->scanner, **sink};
  const SurveyOutcome outcome = controller.run(interrupted);
  if (!options.quiet) {
    std::fputs(format_summary(controller.progress()).c_str(), stderr);
  }
  if (outcome.code != ExitCode::Done && outcome.code != ExitCode::Interrupted) {
    log_error("{}", outcome.reason);
  }
  metadata.ended = std::chrono::system_clock::now();
  metadata.exit_code = outcome.code;
  metadata.exit_reason = outcome.reason;
  metadata.progress = controller.progress();
  if (!options.metadata.empty()) {
    if (auto written = write_metadata(options.metadata, metadata); !written) {
      log_error("{}", written.error().message);
      return outcome.code == ExitCode::Done ? written.error().code : outcome.code;
    }
  }
  return outcome.code;
}

}  // namespace

ExitCode survey_main(std::span<const char* const> args) {
  auto parsed = parse_survey_options(args);
  if (!parsed) return report(parsed.error());
  if (const auto* text = std::get_if<PrintAndExit>(&*parsed)) {
    std::fputs(text->text.c_str(), stdout);
    return ExitCode::Done;
  }
  const auto& options = std::get<SurveyOptions>(*parsed);
  if (options.verbose) set_log_level(LogLevel::Debug);
  auto plan = make_survey_plan(options);
  if (!plan) return report(plan.error());
  if (options.dry_run) {
    // Signals keep their usual effect: `| head` ends it, and so does the first interrupt.
    const auto printed = print_targets(options, *plan);
    return printed ? ExitCode::Done : report(printed.error());
  }
  install_signals();
  SurveyMetadata metadata = describe(args, options, *plan, draw_seed(options));
  const auto code = run_on_link(options, std::move(*plan), metadata);
  dataplane::Eal::stop();
  return code ? *code : report(code.error());
}

}  // namespace trawl::control
