#include "control/survey/survey_controller.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "base/log.h"
#include "control/steward/guard_reload.h"

namespace trawl::control {
namespace {

using namespace std::chrono_literals;
using dataplane::Counter;

constexpr auto kIdleNap = 500us;
constexpr auto kHealthInterval = 100ms;
constexpr auto kGatewayPatience = 3s;

std::unique_ptr<CheckpointKeeper> make_keeper(const SurveyController::Parts& parts,
                                              const SurveyOptions& options) {
  if (parts.checkpoint == nullptr) return nullptr;
  std::vector<std::string> paths;
  for (const OutputPosition& position : parts.outputs.positions()) paths.push_back(position.path);
  const auto limit = parts.scanner.network_limit();
  const auto wait = limit ? neighbour_wait(limit->rate, limit->burst) : kNeighbourWait;
  const auto arp = parts.scanner.only_gateway() ? std::chrono::nanoseconds{0} : wait;
  return std::make_unique<CheckpointKeeper>(*parts.checkpoint, std::move(paths), options.cooldown,
                                            arp);
}

}  // namespace

SurveyController::SurveyController(const SurveyOptions& options, const Parts& parts)
    : options_{options},
      planner_{parts.planner},
      link_{parts.link},
      scanner_{parts.scanner},
      outputs_{parts.outputs},
      blocklist_{parts.blocklist},
      reload_wanted_{parts.reload_wanted},
      keeper_{make_keeper(parts, options)},
      capture_{scanner_, outputs_, keeper_.get()},
      intake_{planner_, scanner_, outputs_, parts.memory, keeper_.get()},
      monitor_{options, link_, scanner_, intake_} {
  intake_.set_capture(&capture_);
  if (parts.os_hints != nullptr) {
    os_hints_ = std::make_unique<OsHintStage>(*parts.os_hints, planner_, scanner_, outputs_);
    intake_.set_os_hints(os_hints_.get());
  }
  follow_open_ports(parts);
}

void SurveyController::follow_open_ports(const Parts& parts) {
  if (parts.services == nullptr && !parts.banners) return;
  stage_ = std::make_unique<OpenPortStage>(OpenPortStage::Parts{
      .planner = planner_,
      .scanner = scanner_,
      .sink = outputs_,
      .memory = parts.memory,
      .recogniser = parts.banners,
      // Of two that ask, it is version detection whose answers a resumed survey goes by.
      .keeper = parts.services == nullptr ? keeper_.get() : nullptr,
      .skip =
          [this](const AddressList& networks) {
            if (!handoff_) return;
            handoff_->block(blocklist_.blocked(), networks);
          },
      .is_blocked =
          [this](const IpAddress& ip) {
            const AddressList& list = blocklist_.blocked();
            return ip.is_v4() ? list.v4.contains(ip.v4()) : list.v6.contains(ip.v6());
          }});
  intake_.set_stage(stage_.get());
  if (parts.services == nullptr) return;
  told_hosts_ = parts.told_hosts;
  const bool asks_ports = options_.services.is_wanted;
  handoff_ = std::make_unique<ServiceHandoff>(
      ServiceHandoff::Parts{.tier = *parts.services,
                            .sink = outputs_,
                            .hold = [this](bool is_held) { scanner_.hold(is_held); },
                            .census = asks_ports ? &stage_->census() : nullptr,
                            .keeper = keeper_.get(),
                            .tells_services = asks_ports});
  intake_.set_handoff(handoff_.get());
}

SurveyOutcome SurveyController::run(const std::atomic<bool>& interrupted) {
  started_ = sweep_started_ = Clock::now();
  next_second_ = started_ + 1s;
  next_health_check_ = started_;
  SurveyOutcome outcome;
  if (auto begun = begin(); !begun) return {begun.error().code, begun.error().message};
  (void)progress();
  monitor_.begin_course();
  scanner_.start();
  for (bool over = false; !over;) {
    const auto stepped = step(interrupted);
    over = !stepped || *stepped;
    if (!stepped) outcome = SurveyOutcome{stepped.error().code, stepped.error().message};
  }
  if (outcome.code == ExitCode::Done && interrupted.load()) {
    outcome = SurveyOutcome{ExitCode::Interrupted, "interrupted"};
  } else if (outcome.code == ExitCode::Done && cut_short_) {
    outcome.reason = "max-runtime";
  }
  scanner_.stop();
  auto ended = end_services(interrupted, outcome.code != ExitCode::Done || cut_short_);
  finished_ = outcome.code == ExitCode::Done && !cut_short_ && ended &&
              (!handoff_ || handoff_->waiting() == 0);
  if (stage_) {
    if (auto heard = stage_->finish(); !heard && ended) ended = heard;
  }
  if (auto closed = end(); !closed && ended) ended = closed;
  // Of two failures the first is the cause.
  if (!ended && outcome.code != ExitCode::Output) {
    outcome = SurveyOutcome{ended.error().code, ended.error().message};
  }
  monitor_.end();
  note_rate();
  return judge(std::move(outcome));
}

// Replies that were left in the ring may have brought open ports. A survey that was not cut short
// asks them too; what another one leaves is told, and kept by its checkpoint. Hosts are asked by
// packets of the scanner, and so no more.
Result<void> SurveyController::end_services(const std::atomic<bool>& interrupted, bool is_cut) {
  if (!handoff_) return {};
  constexpr int kMostTurns = 64;  // For answers that are there already.
  int turns_left = kMostTurns;
  for (bool over = false; !over;) {
    reload_lists();
    const bool is_last = is_cut || interrupted.load() || options_.os.is_wanted;
    if (is_last) handoff_->close();
    const auto taken = handoff_->has_room() || is_last ? intake_.take_batch() : std::size_t{0};
    if (!taken) return Failure{taken.error()};
    const auto moved = handoff_->turn(Clock::now());
    if (!moved) return Failure{moved.error()};
    if (auto second = once_a_second(); !second) return second;
    over = *taken == 0 && handoff_->waiting() == 0;
    if (is_last) over = !*moved || --turns_left == 0;
    if (!over && *taken == 0 && !*moved) std::this_thread::sleep_for(kIdleNap);
  }
  handoff_->close();
  return {};
}

std::vector<OutputMark::Place> SurveyController::places() const {
  std::vector<OutputMark::Place> places;
  for (const OutputPosition& position : outputs_.positions()) {
    places.push_back({position.bytes, position.records});
  }
  return places;
}

// Everything that came is taken, written and closed, also after a failure.
Result<void> SurveyController::end() {
  Result<void> first;
  const auto keep = [&first](const Result<void>& result) {
    if (first && !result) first = result;
  };
  // A batch that could not be written is kept by the outputs, and does not come again.
  constexpr int kMostBatches = 64;
  for (int i = 0; i < kMostBatches; ++i) {
    const auto rest = intake_.take_batch();
    if (!rest) keep(Failure{rest.error()});
    if (rest && *rest == 0) break;
  }
  if (os_hints_) keep(os_hints_->finish());
  const auto closed = outputs_.close();
  keep(closed);
  if (!keeper_) return first;
  if (closed) keeper_->mark_outputs(places());
  keep(keeper_->close(totals(), finished_ && first));
  return first;
}

// What a SIGHUP asks for.
void SurveyController::reload_lists() {
  if (!reload_wanted_.exchange(false)) return;
  (void)reload_guard(blocklist_, [this](const AddressList& blocked) {
    scanner_.block(blocked.v4, blocked.v6);
    if (handoff_) handoff_->block(blocked, stage_->skipped());
  });
}

// A batch of replies and a look around; true when the survey is over.
Result<bool> SurveyController::step(const std::atomic<bool>& interrupted) {
  reload_lists();
  const auto before = Clock::now();
  // With no room for open ports, replies wait in their ring, which slows the senders.
  const bool takes = !handoff_ || handoff_->has_room();
  const auto handled = takes ? intake_.take_batch() : std::size_t{0};
  if (!handled) return Failure{handled.error()};
  if (keeper_ && takes && *handled == 0) keeper_->drained(before, scanner_.lanes(), totals());
  bool moved = false;
  if (handoff_) {
    const auto turned = handoff_->turn(before);
    if (!turned) return turned;
    moved = *turned;
  }
  if (stage_) {
    const auto turned = stage_->turn(before);
    if (!turned) return turned;
    moved |= *turned;
  }
  if (keeper_ && keeper_->wants_flush()) {
    if (auto flushed = flush(); !flushed) return Failure{flushed.error()};
  }
  const bool over = interrupted.load() || is_over();
  if (auto second = once_a_second(); !second) return Failure{second.error()};
  if (auto health = check_health(); !health) return Failure{health.error()};
  // While senders are held, sentinels are silent for that reason alone.
  const bool is_held = handoff_ && handoff_->is_held();
  if (auto_rate_ && !is_held && auto_rate_->is_due(before)) {
    const auto counters = scanner_.counters();
    const auto count = [&](Counter counter) { return counters[static_cast<std::size_t>(counter)]; };
    const dataplane::LinkCounters link = link_.counters();
    const std::uint64_t first = scanner_.sweep().first;
    auto_rate_->step(
        before,
        {.sent = count(Counter::ProbesSent),
         .beside =
             count(Counter::ResetsSent) + count(Counter::TalkFrames) + count(Counter::RawSent),
         .local_drops = link.rx_missed + link.rx_no_buffer + link.tx_errors + link.tx_dropped,
         .back_pressure = count(Counter::TxBackPressure) + count(Counter::TxRingFull),
         .networks_wait = count(Counter::TxNetworksWait),
         .lowest = dataplane::first_untaken(scanner_.sweep(), scanner_.lanes()) - first,
         .highest = dataplane::last_taken(scanner_.sweep(), scanner_.lanes()) - first,
         .first_sweep = sweep_ == 1 && phase_ == SurveyPhase::Sending});
  }
  if (!over && *handled == 0 && !moved) std::this_thread::sleep_for(kIdleNap);
  return over;
}

Result<void> SurveyController::once_a_second() {
  const auto now = Clock::now();
  if (now < next_second_) return {};
  next_second_ = std::max(next_second_ + 1s, now);
  if (auto flushed = flush(); !flushed) return flushed;
  if (auto_rate_ && keeper_ && sweep_ == 1) note_damage();
  note_rate();
  monitor_.show();
  return {};
}

void SurveyController::note_rate() {
  (void)progress();
  std::optional<RateReason> reason;
  if (auto_rate_ && rate_decisions().back().time != last_decision_) {
    last_decision_ = rate_decisions().back().time;
    reason = rate_decisions().back().reason;
  }
  monitor_.note(scanner_.rate(), reason);
}

Result<void> SurveyController::flush() {
  if (auto flushed = outputs_.flush(); !flushed) return flushed;
  if (!keeper_) return {};
  return keeper_->flushed(Clock::now(), places());
}

TotalsMark SurveyController::totals() {
  const SurveyProgress& now = progress();
  return {.sent = now.sent,
          .repeats = now.repeats,
          .replies = now.replies,
          .duplicates = now.duplicates,
          .elapsed_ns = static_cast<std::uint64_t>(now.elapsed.count()),
          .sending_ns = static_cast<std::uint64_t>(now.sending_time.count())};
}

Result<void> SurveyController::check_health() {
  const auto now = Clock::now();
  if (now < next_health_check_) return {};
  next_health_check_ = now + kHealthInterval;
  if (!link_.is_up()) {
    return fail(ExitCode::Device,
                fmt::format("link {} went down after {} of {} targets; what was found so far is "
                            "written; bring it up and run again",
                            link_.spec().text, progress().sweep_done, progress().sweep_total));
  }
  if (!scanner_.gateway_known() && now - started_ > kGatewayPatience) return gateway_silent();
  return {};
}

Failure SurveyController::gateway_silent() const {
  const IpAddress address = *scanner_.gateway_address();
  return fail(ExitCode::Device,
              fmt::format("the gateway {} answers no {} on {}; check the link, or give --gateway "
                          "or --gateway-mac",
                          address.to_string(), address.is_v4() ? "ARP" : "neighbour discovery",
                          link_.spec().text));
}

const SurveyProgress& SurveyController::progress() {
  const auto now = Clock::now();
  const bool sending = phase_ == SurveyPhase::Sending;
  const auto wait = phase_ == SurveyPhase::BetweenSweeps ? options_.retry_delay : options_.cooldown;
  if (stage_) monitor_.set_open_ports(stage_->progress());
  if (handoff_) monitor_.set_services(handoff_->progress(now));
  if (os_hints_) monitor_.set_os_hints(os_hints_->progress());
  const Clock::duration waited = sending ? Clock::duration{0} : now - sweep_ended_;
  return monitor_.update(
      {.phase = phase_,
       .sweep = sweep_,
       .started = started_,
       .now = now,
       .sending_time = sending_time_ + (sending ? now - sweep_started_ : Clock::duration{0}),
       .wait_left = std::max(std::chrono::nanoseconds{0}, wait - waited),
       .sent_before_repeats = sent_before_repeats_,
       .repeating = repeating_});
}

void SurveyController::show_last() {
  (void)progress();
  monitor_.show_last();
}

std::span<const RateDecision> SurveyController::rate_decisions() const noexcept {
  if (!auto_rate_) return {};
  return auto_rate_->controller().decisions();
}

// What sentinels and repeats tell of what was missed; nullopt where there were neither.
std::optional<RecallEstimate> SurveyController::estimate_recall() {
  const SurveyProgress& now = progress();
  RecallEvidence evidence;
  if (auto_rate_) {
    evidence.sentinel_loss = auto_rate_->controller().total_loss();
    evidence.baseline_loss = auto_rate_->controller().baseline_loss();
  }
  const std::uint64_t open = now.found_in(PortState::Open);
  if (repeating_ && planner_.config().retries != RetryMode::None && open_before_repeats_ <= open) {
    evidence.removal =
        PassRemoval{.first = open_before_repeats_, .second = open - open_before_repeats_};
  }
  if (evidence.sentinel_loss.trials == 0.0 && !evidence.removal) return std::nullopt;
  evidence.probed_again =
      now.targets == 0
          ? 0.0
          : std::min(1.0, static_cast<double>(now.repeats) / static_cast<double>(now.targets));
  evidence.found = open;
  evidence.replies = now.replies;
  evidence.lost_here = monitor_.link_counters().rx_missed + monitor_.link_counters().rx_no_buffer;
  evidence.rate = PacketsPerSecond{now.average_send_rate()};
  return RecallEstimate::from(evidence);
}

// A survey that lost replies or probes on this machine, or on the path, says so in its exit code.
SurveyOutcome SurveyController::judge(SurveyOutcome outcome) {
  const std::uint64_t sent = progress().sent;
  const auto recall = estimate_recall();
  monitor_.set_recall(recall);
  phase_ = outcome.code == ExitCode::Done ? SurveyPhase::Done : phase_;
  if (outcome.code != ExitCode::Done) return outcome;
  if (sent == 0 && !scanner_.gateway_known()) {
    const Failure silent = gateway_silent();
    return {silent.value().code, silent.value().message};
  }
  const dataplane::LinkCounters& link = monitor_.link_counters();
  const std::uint64_t missed = link.rx_missed + link.rx_no_buffer;
  const std::uint64_t unsent = link.tx_errors + link.tx_dropped;
  const std::uint64_t blocked =
      scanner_.counters()[static_cast<std::size_t>(Counter::ProbesBlocked)];
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
  // Few samples alone are no fault of the survey's: the whole interval has to be too low.
  if (recall && recall->high < RecallEstimate::kLeastRecall &&
      (recall->verdict == RecallVerdict::LowerRate ||
       recall->verdict == RecallVerdict::MoreRetries)) {
    return {ExitCode::Degraded, fmt::format("{}; about {:.1f} % of what is open was found",
                                            recall->verdict_text(), 100.0 * recall->recall)};
  }
  return outcome;
}

}  // namespace trawl::control
