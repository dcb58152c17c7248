#include "control/survey/auto_rate.h"

#include <algorithm>
#include <optional>

namespace trawl::control {
namespace {

using namespace std::chrono_literals;

constexpr auto kInterval = 50ms;
constexpr std::uint8_t kFirstAttempt = 1;
constexpr double kUsedShare = 0.5;  // Of the rate; with less there was not enough to send.
// Lanes are not exactly abreast, and a probe leaves a moment after it was taken.
constexpr std::uint64_t kMargin = 2 * dataplane::kLanes * dataplane::LaneShare::kBlock;
constexpr auto kTimeMargin = 2 * kInterval;

}  // namespace

AutoRate::AutoRate(dataplane::Scanner& scanner, const RateController::Limits& limits)
    : scanner_{scanner}, controller_{limits}, started_{Clock::now()} {
  scanner_.set_rate(controller_.rate());
}

// How long a reply lay here must not make its probe look younger.
SurveyTime AutoRate::sent_at(const dataplane::Reply& reply) const {
  const std::chrono::duration<double> waited{static_cast<double>(TscClock::now() - reply.arrival) /
                                             scanner_.clock().ticks_per_second()};
  return Clock::now() - started_ - std::chrono::duration_cast<SurveyTime>(waited) -
         std::chrono::microseconds{reply.rtt_us};
}

// Of a repeat neither hits nor round trips say anything: it asks who was silent. Replies to the
// first sweep keep coming for a round trip into it.
void AutoRate::found(const dataplane::Reply& reply) {
  if (reply.rtt_us == dataplane::Reply::kNoRtt) {
    hits_ += 1.0;
    return;
  }
  const std::chrono::nanoseconds rtt = std::chrono::microseconds{reply.rtt_us};
  if (reply.attempt == kFirstAttempt) {
    timed_hits_.push_back({.sent = sent_at(reply), .rtt = rtt});
    hit_rtts_.push_back(rtt);
  }
  if (is_success(reply.state)) pool_.offer({reply.ip, reply.port});
}

void AutoRate::sentinel_answered(const dataplane::Reply& reply) {
  (void)pool_.answered({reply.ip, reply.port}, sent_at(reply),
                       std::chrono::microseconds{reply.rtt_us});
}

bool AutoRate::is_due(Clock::time_point now) const noexcept {
  return now - started_ - last_ >= kInterval;
}

bool AutoRate::settle(Clock::time_point moment) {
  if (!controller_.settled_until(moment - started_)) return false;
  controller_.judge_rest();
  return true;
}

void AutoRate::step(Clock::time_point moment, const Totals& totals) {
  const SurveyTime now = moment - started_;
  std::optional<std::chrono::nanoseconds> rtt;
  if (!hit_rtts_.empty()) {
    const auto middle = hit_rtts_.begin() + static_cast<std::ptrdiff_t>(hit_rtts_.size() / 2);
    std::nth_element(hit_rtts_.begin(), middle, hit_rtts_.end());
    rtt = *middle;
  }
  const std::uint64_t sent = totals.sent - totals_.sent;
  const auto sentinels = static_cast<std::uint64_t>(pool_.asked().size());
  const double allowed = controller_.rate().packets_in(now - last_);
  const std::uint64_t packets = sent + (totals.beside - totals_.beside);
  const bool idle = static_cast<double>(packets) < kUsedShare * allowed;
  // A repeat asks those that were silent: that few of them answer says nothing of the path.
  const PacketsPerSecond rate = controller_.update(
      {.now = now,
       .probes = totals.first_sweep ? static_cast<double>(sent - std::min(sent, sentinels)) : 0.0,
       .timed_hits = timed_hits_,
       .hits = totals.first_sweep ? hits_ : 0.0,
       .hit_rtt = rtt,
       .sentinels_sent = pool_.asked(),
       .sentinels_answered = pool_.replies(),
       .sentinel_hosts = pool_.size(),
       .local_drops = static_cast<double>(totals.local_drops - totals_.local_drops),
       .back_pressure = totals.back_pressure != totals_.back_pressure,
       .held_up = idle || totals.networks_wait != totals_.networks_wait,
       .idle = idle && totals.networks_wait == totals_.networks_wait});
  scanner_.set_rate(rate);
  pool_.clear();
  hits_ = 0.0;
  timed_hits_.clear();
  hit_rtts_.clear();
  if (totals.first_sweep) marks_.push_back({now, totals.lowest, totals.highest});
  ask_sentinels(now, now - last_);
  last_ = now;
  totals_ = totals;
}

void AutoRate::ask_sentinels(SurveyTime now, std::chrono::duration<double> since) {
  owed_ += controller_.sentinel_rate().packets_in(since);
  for (; owed_ >= 1.0; owed_ -= 1.0) {
    // A moment after the interval that ends now: they belong to the next.
    const auto target = pool_.next(now + 1us);
    if (!target) break;
    if (scanner_.request(*target)) {
      ++sentinels_sent_;
    } else {
      pool_.take_back();  // Unasked: no reply is no loss.
    }
  }
  owed_ = std::min(owed_, 2.0);
}

std::vector<PositionRange> AutoRate::damaged(std::uint64_t first, std::uint64_t last) const {
  std::vector<PositionRange> ranges;
  for (const DegradedInterval& interval : controller_.degraded()) {
    const auto before = [](const Mark& mark, SurveyTime time) { return mark.at < time; };
    const auto begin =
        std::lower_bound(marks_.begin(), marks_.end(), interval.begin - kTimeMargin, before);
    const auto end =
        std::lower_bound(marks_.begin(), marks_.end(), interval.end + kTimeMargin, before);
    const std::uint64_t from = begin == marks_.begin() ? 0 : std::prev(begin)->lowest;
    const std::uint64_t to = end == marks_.end() ? last - first : end->highest + kMargin;
    const PositionRange range{.first = first + (from > kMargin ? from - kMargin : 0),
                              .last = std::min(last, first + to)};
    if (range.first >= range.last) continue;
    if (!ranges.empty() && range.first <= ranges.back().last) {
      ranges.back().last = std::max(ranges.back().last, range.last);
    } else {
      ranges.push_back(range);
    }
  }
  return ranges;
}

}  // namespace trawl::control
