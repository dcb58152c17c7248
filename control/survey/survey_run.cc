#include "control/survey/survey_run.h"

#include <fmt/format.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <string>
#include <utility>

#include "base/log.h"
#include "control/survey/banner_opening.h"
#include "control/survey/os_hints.h"
#include "control/survey/output/survey_outputs.h"
#include "control/survey/service_opening.h"
#include "control/survey/survey_controller.h"
#include "control/survey/survey_setup.h"
#include "dataplane/eal.h"

namespace trawl::control {
namespace {

std::atomic<bool> interrupted{false};
std::atomic<bool> reload_wanted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void on_interrupt(int signal) {
  interrupted.store(true);
  std::signal(signal, SIG_DFL);  // A second one ends the process at once.
}

void on_hangup(int) { reload_wanted.store(true); }

// A closed pipe and a file size limit become errors of write() instead of killing the process.
void install_signals() {
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
  std::signal(SIGHUP, on_hangup);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

std::vector<OutputPosition> positions_in(const SurveyJob& job) {
  std::vector<OutputPosition> positions;
  const OutputMark& mark = job.checkpoint->restored().outputs;
  for (std::size_t i = 0; i < job.options.outputs.size(); ++i) {
    const bool known = i < mark.count;
    positions.push_back({.path = job.options.outputs[i].path,
                         .resumable = known,
                         .bytes = known ? mark.outputs[i].bytes : 0,
                         .records = known ? mark.outputs[i].records : 0});
  }
  return positions;
}

Result<std::unique_ptr<SurveyOutputs>> open_outputs(const SurveyJob& job, bool resumed) {
  const std::vector<OutputPosition> resume_at =
      resumed ? positions_in(job) : std::vector<OutputPosition>{};
  return SurveyOutputs::open({.outputs = job.options.outputs,
                              .fields = job.options.fields,
                              .states = job.options.states,
                              .filter = job.options.filter,
                              .run = {.command_line = job.metadata.command_line,
                                      .probe = job.options.probe,
                                      .ports = job.metadata.ports,
                                      .started = job.metadata.started}},
                             resume_at);
}

// A new checkpoint, nullptr when none is wanted.
Result<std::unique_ptr<Checkpoint>> new_checkpoint(const SurveyJob& job) {
  if (job.options.checkpoint.empty()) return nullptr;
  const auto& words = job.metadata.command_line;
  CheckpointPlan plan{.command_line = {words.begin() + 2, words.end()},
                      .seed = job.metadata.seed,
                      .started = job.metadata.started,
                      .ports = job.plan.ports,
                      .addresses = {},
                      .blocked = {},
                      .addresses6 = {},
                      .blocked6 = {}};
  if (const auto* const v4 = job.plan.addresses.v4()) {
    plan.addresses = v4->intersection({Ipv4Address{0}, Ipv4Address{~std::uint32_t{0}}});
  } else {
    plan.addresses6 =
        job.plan.addresses.v6()->intersection({Ipv6Address{0}, Ipv6Address{~Uint128{0}}});
  }
  const auto blocked = job.plan.blocked.v4.intervals();
  const auto blocked6 = job.plan.blocked.v6.intervals();
  plan.blocked = {blocked.begin(), blocked.end()};
  plan.blocked6 = {blocked6.begin(), blocked6.end()};
  return Checkpoint::create(job.options.checkpoint, plan);
}

// The fastest that the survey may come to send.
PacketsPerSecond most_rate(const SurveyJob& job) {
  if (!job.metadata.automatic_rate) return job.metadata.rate;
  if (!job.options.max_rate) return PacketsPerSecond::unlimited();
  return job.options.max_rate->for_frame(mean_frame_size(job.options, job.plan));
}

ExitCode conclude(const SurveyJob& job, SurveyController& controller, SurveyMetadata metadata,
                  const SurveyOutcome& outcome) {
  controller.show_last();
  if (!job.options.quiet) {
    std::fputs(format_summary(controller.progress()).c_str(), stderr);
  }
  if (outcome.code != ExitCode::Done && outcome.code != ExitCode::Interrupted) {
    log_error("{}", outcome.reason);
  }
  metadata.ended = std::chrono::system_clock::now();
  metadata.exit_code = outcome.code;
  metadata.exit_reason = outcome.reason;
  metadata.progress = controller.progress();
  const auto decisions = controller.rate_decisions();
  metadata.decisions = {decisions.begin(), decisions.end()};
  if (job.options.metadata.empty()) return outcome.code;
  if (auto written = write_metadata(job.options.metadata, metadata); !written) {
    log_error("{}", written.error().message);
    return outcome.code == ExitCode::Done ? written.error().code : outcome.code;
  }
  return outcome.code;
}

}  // namespace

ExitCode report(const Error& error) {
  log_error("{}", error.message);
  return error.code;
}

SurveyMetadata describe(std::span<const std::string> args, const SurveyOptions& options,
                        const SurveyPlan& plan, Uint128 seed) {
  SurveyMetadata metadata;
  metadata.command_line = {"trawl", "survey"};
  metadata.command_line.insert(metadata.command_line.end(), args.begin(), args.end());
  metadata.started = std::chrono::system_clock::now();
  metadata.seed = seed;
  if (has_ports(options.probe)) metadata.ports = plan.ports;
  metadata.addresses = plan.addresses.size();
  metadata.addresses_excluded = plan.addresses_excluded;
  metadata.blocked_addresses =
      plan.addresses.is_v4() ? count_of(plan.blocked.v4) : count_of(plan.blocked.v6);
  metadata.exclude_digest = plan.exclude_digest;
  metadata.contact = options.contact;
  record_blocklist(plan.blocklist, metadata);
  metadata.probe = to_string(options.probe);
  metadata.rate = options.rate.for_frame(mean_frame_size(options, plan));
  metadata.automatic_rate = options.rate.is_automatic();
  if (options.network_rate) {
    metadata.network_rate = options.network_rate->for_frame(mean_frame_size(options, plan));
  }
  metadata.link = options.link;
  return metadata;
}

Result<ExitCode> run_survey(SurveyJob job) {
  install_signals();
  const bool resumed = job.checkpoint != nullptr;
  const struct StopEal {
    ~StopEal() { dataplane::Eal::stop(); }
  } stop_eal;
  // Rather now than after hours of probing.
  if (auto writable = check_metadata(job.options.metadata); !writable) {
    return Failure{writable.error()};
  }
  if (!resumed) {
    auto checkpoint = new_checkpoint(job);
    if (!checkpoint) return Failure{checkpoint.error()};
    job.checkpoint = std::move(*checkpoint);
  }
  const auto discard = [&](const Error& error) {
    // A checkpoint of a survey that never began is of no use to anybody.
    if (!resumed && job.checkpoint) (void)std::remove(job.checkpoint->path().c_str());
    return Failure{error};
  };
  LiveBlocklist blocklist = std::move(job.plan.blocklist);
  const auto polling = choose_cpus(job.options, allowed_cpus());
  if (!polling) return discard(polling.error());
  const auto told_hosts = std::make_shared<std::vector<std::uint32_t>>();
  ServiceNeeds needs{.blocked = blocklist.blocked(),
                     .polling = *polling,
                     .has_many_ports = job.plan.ports.size() > 1};
  if (job.options.os.is_wanted) {
    if (!job.plan.addresses.is_v4()) {
      return discard({.code = ExitCode::Usage,
                      .message = "--os asks hosts over IPv4, and the targets are of IPv6; leave it "
                                 "out"});
    }
    auto packets = OsPackets::open(first_os_port(job.options));
    if (!packets) return discard(packets.error());
    needs.packets = std::move(*packets);
    needs.most = most_rate(job);
    needs.told_before = told_hosts;
  }
  auto services = open_services(job.options, needs);
  if (!services) return discard(services.error());
  auto banners = open_banners(job.options, resumed);
  if (!banners) return discard(banners.error());
  if (*banners) job.plan.conversations = (*banners)->questions().plan;
  std::unique_ptr<OsHints> os_hints;
  if (job.options.os_hints.is_wanted) {
    auto opened = OsHints::open(job.options.os_hints, job.options.syn_options);
    if (!opened) return discard(opened.error());
    os_hints = std::move(*opened);
  }
  auto survey =
      prepare_survey(job.options, std::move(job.plan), job.metadata.seed, needs.packets.exchange);
  if (!survey) return discard(survey.error());
  // Whoever was excluded since the survey began has opted out of the rest.
  if (resumed) survey->scanner->block(blocklist.blocked().v4, blocklist.blocked().v6);
  if (!survey->link->wait_until_up()) {
    const std::uint16_t queues = survey->link->queues();
    const std::string with =
        queues > 1 ? fmt::format(", which may lack the {} queues that so many threads use", queues)
                   : std::string{};
    return discard({.code = ExitCode::Device,
                    .message = fmt::format("link {} does not come up; check the cable, the peer or "
                                           "the process at the other end{}",
                                           job.options.link, with)});
  }
  if (interrupted.load()) return discard({.code = ExitCode::Interrupted, .message = "interrupted"});
  // Last of all, since it empties files that are there.
  auto outputs = open_outputs(job, resumed);
  if (!outputs) return discard(outputs.error());
  SurveyController controller{job.options,
                              {.planner = *survey->planner,
                               .link = *survey->link,
                               .scanner = *survey->scanner,
                               .outputs = **outputs,
                               .blocklist = blocklist,
                               .reload_wanted = reload_wanted,
                               .memory = survey->memory,
                               .checkpoint = job.checkpoint.get(),
                               .services = services->get(),
                               .told_hosts = told_hosts,
                               .banners = *banners,
                               .os_hints = os_hints.get()}};
  const SurveyOutcome outcome = controller.run(interrupted);
  record_blocklist(blocklist, job.metadata);
  return conclude(job, controller, std::move(job.metadata), outcome);
}

}  // namespace trawl::control
