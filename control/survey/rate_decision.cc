#include "control/survey/rate_decision.h"

#include <fmt/format.h>

#include "control/survey/json_object.h"

namespace trawl::control {
namespace {

double seconds(SurveyTime time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

std::string_view to_string(RatePhase phase) noexcept {
  switch (phase) {
    case RatePhase::SlowStart: return "slow-start";
    case RatePhase::Hold: return "hold";
    case RatePhase::BackOff: return "back-off";
    case RatePhase::ProbingUp: return "probing-up";
  }
  return "unknown";
}

std::string_view to_string(RateReason reason) noexcept {
  switch (reason) {
    case RateReason::Started: return "started";
    case RateReason::NoLoss: return "no-loss";
    case RateReason::Blind: return "blind";
    case RateReason::Maximum: return "maximum";
    case RateReason::Loss: return "loss";
    case RateReason::FewerHits: return "fewer-hits";
    case RateReason::LocalDrops: return "local-drops";
    case RateReason::BackPressure: return "back-pressure";
    case RateReason::QueueGrows: return "queue-grows";
    case RateReason::Measured: return "measured";
    case RateReason::TestingHalf: return "testing-half";
    case RateReason::LossIsNotOurs: return "loss-is-not-ours";
    case RateReason::HeldLongEnough: return "held-long-enough";
  }
  return "unknown";
}

std::string format_decision(const RateDecision& decision) {
  std::string line = fmt::format("{:.2f}s {} {:.0f} -> {:.0f} pps: {}", seconds(decision.time),
                                 to_string(decision.phase), decision.rate_before, decision.rate,
                                 to_string(decision.reason));
  if (decision.samples > 0.0) {
    fmt::format_to(std::back_inserter(line),
                   " ({:.1f} % of {:.0f} sentinels, {:.1f} % at low rates)", 100.0 * decision.loss,
                   decision.samples, 100.0 * decision.baseline);
  }
  return line;
}

std::string format_decision_json(const RateDecision& decision) {
  JsonObject object{JsonObject::Layout::OneLine};
  object.number("time_s", seconds(decision.time))
      .text("phase", to_string(decision.phase))
      .text("reason", to_string(decision.reason))
      .number("rate_before_pps", decision.rate_before)
      .number("rate_pps", decision.rate)
      .number("loss_percent", 100.0 * decision.loss)
      .number("baseline_percent", 100.0 * decision.baseline)
      .number("sentinels", decision.samples)
      .number("queue_ms", decision.queue_ms);
  return object.done();
}

}  // namespace trawl::control
