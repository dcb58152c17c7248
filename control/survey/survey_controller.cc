#include "control/survey/survey_controller.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "base/log.h"

namespace trawl::control {
namespace {

using namespace std::chrono_literals;
using dataplane::Counter;
using dataplane::CounterKind;

constexpr std::size_t kBatch = 4096;
constexpr auto kIdleNap = 500us;
constexpr auto kHealthInterval = 100ms;
constexpr auto kGatewayPatience = 3s;

std::uint64_t value_of(const dataplane::CounterValues& values, Counter counter) {
  return values[static_cast<std::size_t>(counter)];
}

}  // namespace

SurveyController::SurveyController(const SurveyOptions& options, dataplane::Link& link,
                                   dataplane::Scanner& scanner, ResultSink& sink)
    : options_{options},
      link_{link},
      scanner_{scanner},
      sink_{sink},
      ledger_{scanner.plan().space.size()},
      batch_(kBatch),
      terminal_{isatty(STDERR_FILENO) == 1} {
  verdicts_.reserve(kBatch);
  progress_.targets = scanner.plan().last - scanner.plan().first;
}

SurveyOutcome SurveyController::run(const std::atomic<bool>& interrupted) {
  started_ = last_sample_ = Clock::now();
  next_second_ = started_ + 1s;
  next_health_check_ = started_;
  scanner_.start();
  SurveyOutcome outcome;
  const auto failed = [&outcome](const Error& error) {
    outcome = SurveyOutcome{error.code, error.message};
    return true;
  };
  for (bool over = false; !over;) {
    const auto handled = handle_replies();
    if (!handled) {
      over = failed(handled.error());
      continue;
    }
    if (*handled == kBatch) continue;  // More are waiting.
    over = is_over(interrupted, outcome);
    if (auto second = once_a_second(); !second) over = failed(second.error());
    if (auto health = check_health(); !health) over = failed(health.error());
    if (!over && *handled == 0) std::this_thread::sleep_for(kIdleNap);
  }
  scanner_.stop();
  const bool can_write = outcome.code != ExitCode::Output;
  for (auto rest = handle_replies(); can_write && rest && *rest > 0;) rest = handle_replies();
  if (auto closed = sink_.close(); !closed && can_write) failed(closed.error());
  end_progress_line();
  return judge(std::move(outcome));
}

bool SurveyController::is_over(const std::atomic<bool>& interrupted, SurveyOutcome& outcome) {
  if (interrupted.load()) {
    outcome = SurveyOutcome{ExitCode::Interrupted, "interrupted"};
    return true;
  }
  if (!scanner_.sending_finished()) return false;
  const auto now = Clock::now();
  if (sending_ended_ == Clock::time_point{}) sending_ended_ = now;
  const bool cut_short = options_.max_runtime && now - started_ >= *options_.max_runtime;
  if (cut_short && progress().sent < progress_.targets) outcome.reason = "max-runtime";
  return !scanner_.plan().receive || now - sending_ended_ >= options_.cooldown;
}

Result<std::size_t> SurveyController::handle_replies() {
  const std::size_t count = scanner_.take_replies(batch_);
  verdicts_.clear();
  for (std::size_t i = 0; i < count; ++i) {
    const dataplane::Reply& reply = batch_[i];
    if (!accept(reply)) continue;
    Verdict verdict{.time = scanner_.plan().clock.wall_time_at(reply.arrival),
                    .ip = Ipv4Address{reply.ip},
                    .port = reply.port,
                    .state = reply.state,
                    .reason = reply.reason,
                    .ttl = reply.ttl,
                    .rtt_us = {},
                    .attempt = reply.attempt,
                    .from = Ipv4Address{reply.from}};
    if (reply.rtt_us != dataplane::Reply::kNoRtt) verdict.rtt_us = reply.rtt_us;
    verdicts_.push_back(verdict);
  }
  if (!verdicts_.empty()) {
    if (auto written = sink_.write(verdicts_); !written) return Failure{written.error()};
  }
  return count;
}

// Counts the reply; true when it tells something new.
bool SurveyController::accept(const dataplane::Reply& reply) {
  const dataplane::ScanPlan& plan = scanner_.plan();
  const auto index = plan.space.index_of({Ipv4Address{reply.ip}, reply.port});
  if (!index) {
    ++not_in_plan_;
    return false;
  }
  if (!scanner_.has_sent(plan.order.inverse(*index))) {
    ++before_probe_;
    return false;
  }
  ++progress_.replies;
  PortState before{};
  switch (ledger_.record(*index, reply.state, before)) {
    case ReplyLedger::Outcome::Duplicate: ++progress_.duplicates; return false;
    case ReplyLedger::Outcome::Improved: --progress_.found[static_cast<std::size_t>(before)]; break;
    case ReplyLedger::Outcome::First: break;
  }
  ++progress_.found[static_cast<std::size_t>(reply.state)];
  return true;
}

Result<void> SurveyController::once_a_second() {
  const auto now = Clock::now();
  if (now < next_second_) return {};
  next_second_ = std::max(next_second_ + 1s, now);
  if (auto flushed = sink_.flush(); !flushed) return flushed;
  show_progress();
  return {};
}

Result<void> SurveyController::check_health() {
  const auto now = Clock::now();
  if (now < next_health_check_) return {};
  next_health_check_ = now + kHealthInterval;
  if (!link_.is_up()) {
    return fail(ExitCode::Device,
                fmt::format("link {} went down after {} of {} probes; what was found so far is "
                            "written; bring it up and run again",
                            link_.spec().text, progress().sent, progress_.targets));
  }
  if (!scanner_.gateway_known() && now - started_ > kGatewayPatience) {
    return fail(
        ExitCode::Device,
        fmt::format("the gateway {} answers no ARP on {}; check the link, or give "
                    "--gateway or --gateway-mac",
                    scanner_.plan().neighbours.gateway_address().to_string(), link_.spec().text));
  }
  return {};
}

const SurveyProgress& SurveyController::progress() {
  update_progress();
  return progress_;
}

void SurveyController::update_progress() {
  const auto now = Clock::now();
  const auto counters = scanner_.counters();
  const bool sending = sending_ended_ == Clock::time_point{};
  progress_.phase = sending ? SurveyPhase::Sending : SurveyPhase::CoolingDown;
  progress_.elapsed = now - started_;
  progress_.sending_time = (sending ? now : sending_ended_) - started_;
  progress_.cooldown_left =
      sending ? options_.cooldown
              : std::max(Clock::duration{0}, options_.cooldown - (now - sending_ended_));
  if (options_.max_runtime) {
    progress_.runtime_left =
        std::max(std::chrono::nanoseconds{0}, *options_.max_runtime - progress_.elapsed);
  }
  progress_.sent = value_of(counters, Counter::ProbesSent);
  progress_.no_neighbour = value_of(counters, Counter::ProbesNoNeighbour);
  collect_drops();
}

void SurveyController::collect_drops() {
  const auto counters = scanner_.counters();
  const dataplane::LinkCounters link = link_.counters();
  drops_.clear();
  ignored_.clear();
  for (std::size_t i = 0; i < dataplane::kCounters; ++i) {
    const auto& info = dataplane::counter_info(static_cast<Counter>(i));
    if (info.kind == CounterKind::Loss) drops_.push_back({info.name, counters[i]});
    if (info.kind == CounterKind::Ignored) ignored_.push_back({info.name, counters[i]});
  }
  drops_.push_back({"link_tx_errors", link.tx_errors});
  drops_.push_back({"link_tx_dropped", link.tx_dropped});
  drops_.push_back({"link_rx_missed", link.rx_missed});
  drops_.push_back({"link_rx_errors", link.rx_errors});
  drops_.push_back({"link_rx_no_buffer", link.rx_no_buffer});
  ignored_.push_back({"replies_not_in_plan", not_in_plan_});
  ignored_.push_back({"replies_before_probe", before_probe_});
  progress_.ignored = ignored_;
  progress_.drops = drops_;
}

void SurveyController::show_progress() {
  const auto now = Clock::now();
  update_progress();
  const double seconds = std::chrono::duration<double>(now - last_sample_).count();
  progress_.send_rate = static_cast<double>(progress_.sent - last_sent_) / seconds;
  progress_.reply_rate = static_cast<double>(progress_.replies - last_replies_) / seconds;
  last_sample_ = now;
  last_sent_ = progress_.sent;
  last_replies_ = progress_.replies;
  if (options_.status_json) {
    fmt::print(stderr, "{}", format_status_json(progress_, std::chrono::system_clock::now()));
  } else if (terminal_ && !options_.quiet) {
    fmt::print(stderr, "\r\x1b[K{}", format_progress_line(progress_));
    line_shown_ = true;
  }
}

void SurveyController::end_progress_line() const {
  if (line_shown_) fmt::print(stderr, "\r\x1b[K");
}

// A survey that lost replies or probes on this machine says so in its exit code.
SurveyOutcome SurveyController::judge(SurveyOutcome outcome) {
  update_progress();
  progress_.phase = SurveyPhase::Done;
  if (outcome.code != ExitCode::Done) return outcome;
  const auto counters = scanner_.counters();
  const dataplane::LinkCounters link = link_.counters();
  const std::uint64_t missed = link.rx_missed + link.rx_no_buffer;
  const std::uint64_t unsent = link.tx_errors + link.tx_dropped;
  const std::uint64_t blocked = value_of(counters, Counter::ProbesBlocked);
  if (missed + unsent > 0) {
    return {
        ExitCode::Degraded,
        fmt::format("degraded: the link lost {} arriving and {} leaving frames on this machine; "
                    "lower --rate or give more --lcores",
                    missed, unsent)};
  }
  if (blocked > 0) {
    return {
        ExitCode::Degraded,
        fmt::format("degraded: the egress guard stopped {} probes the plan asked for", blocked)};
  }
  return outcome;
}

}  // namespace trawl::control
